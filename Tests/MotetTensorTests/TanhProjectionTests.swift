import Foundation
import Testing

@testable import MotetTensor

/// The projection of a prefix: f64 against small changes, both paths against PEFT's (Tests/Fixtures/methods_virtual.py).
@Suite struct TanhProjectionTests {
  struct Expected: Decodable {
    let shapes: [[Int]]
    let parameters, gradients: [[Float]]
    let y, dy: [Float]
  }

  @Test(arguments: [Kernels.fast, .reference])
  @Compute func valuesAndGradientsAreThoseOfPEFT(kernels: Kernels) throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
    let f = try JSONDecoder().decode(
      Expected.self, from: Data(contentsOf: folder.appending(path: "../Fixtures/virtual/projection.json")))
    let p = zip(f.shapes, f.parameters).map { shape, values in
      Parameter(
        rows: shape.count == 1 ? 1 : shape[0], columns: shape.last ?? 0, values, trainable: true)
    }
    let projection = TanhProjection(
      embedding: p[0], inner: p[1], innerBias: p[2], outer: p[3], outerBias: p[4])
    let start = floats(f.y.count, seed: 1)
    let y = Tensor(rows: 3, columns: f.y.count / 3)
    projection.write(to: y, from: Tensor(rows: 3, columns: y.columns, start), kernels: kernels)
    expectClose(y.values, zip(start, f.y).map { $0 + $1 }, 2e-6, "y")
    projection.gather(Tensor(rows: 3, columns: y.columns, f.dy), kernels: kernels)
    for (parameter, wanted) in zip(p, f.gradients) {
      expectClose(parameter.gradient?.values ?? [], wanted, 2e-6, "a parameter's gradient")
    }
  }

  @Test func theReferenceGradientIsThatOfSmallChanges() {
    let sizes = [3 * 4, 5 * 4, 5, 6 * 5, 6]
    let p = sizes.enumerated().map { samples($1, seed: UInt64(2 + $0)) }
    let dy = samples(3 * 6, seed: 9)
    let back = Reference.tanhProjectionBackward(
      p[0], inner: p[1], innerBias: p[2], outer: p[3], outerBias: p[4], dy: dy)
    for index in p.indices {
      check(back[index], at: p[index], dy: dy, "parameter \(index)") { changed in
        var q = p
        q[index] = changed
        return Reference.tanhProjection(
          q[0], inner: q[1], innerBias: q[2], outer: q[3], outerBias: q[4]
        ).y
      }
    }
  }
}
