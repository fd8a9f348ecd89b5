import CKernels
import Foundation
import Testing

@testable import MotetTensor

/// The fused loops against the reference path over widths that end inside vectors.
@Suite struct ElementwiseTests {
  static let shapes = [(1, 1), (1, 17), (2, 15), (3, 16), (5, 33), (9, 100), (70, 31), (130, 576)]

  @Compute func run(_ kernels: Kernels, _ x: Tensor, _ operation: (Tape, Tensor) throws -> Tensor) throws
    -> (y: [Float], dx: [Float])
  {
    let tape = Tape(recording: true, kernels: kernels)
    let y = try operation(tape, x)
    try goBack(tape, from: y, floats(y.count, seed: 99))
    return (y.values, x.gradientValue?.values ?? [])
  }

  @Test(arguments: shapes) @Compute func rmsNormMatchesReference(rows: Int, columns: Int) throws {
    let x = floats(rows * columns, seed: 1, scale: 4)
    let weight = FrozenVector(floats(columns, seed: 2))
    let both = try [Kernels.fast, .reference].map { kernels in
      try run(kernels, tensor(rows, columns, x)) { $0.rmsNorm($1, weight: weight, epsilon: 1e-5) }
    }
    expectClose(both[0].y, both[1].y, 2e-6, "y")
    // One column: x/|x| hardly changes, and what is left of the gradient is rounding.
    if columns > 1 { expectClose(both[0].dx, both[1].dx, 4e-6, "dx") }
  }

  @Test(arguments: shapes) @Compute func swigluMatchesReference(rows: Int, width: Int) throws {
    let x = floats(rows * 2 * width, seed: 3, scale: 30)
    let both = try [Kernels.fast, .reference].map {
      try run($0, tensor(rows, 2 * width, x)) { $0.swiglu($1) }
    }
    expectClose(both[0].y, both[1].y, 2e-6, "y")
    expectClose(both[0].dx, both[1].dx, 2e-6, "dx")
  }

  @Test @Compute func swigluOfExtremesIsFinite() throws {
    let back = try run(.fast, tensor(1, 8, [-1e4, -100, 100, 1e4, 1, 1, 1, 1])) { $0.swiglu($1) }
    expectClose(back.y, [0, 0, 100, 1e4], 1e-6, "y")
    #expect(back.dx.allSatisfy { $0.isFinite })
  }

  /// Rows past one chunk of the head, and a vocabulary that ends inside a block.
  @Test(arguments: [(1, 7), (3, 512), (129, 1000), (260, 33)])
  @Compute func headLossMatchesReference(rows: Int, vocabulary: Int) throws {
    let head = try FrozenMatrix(
      floats(vocabulary * 20, seed: 4, scale: 3), outputs: vocabulary, inputs: 20, precision: .f32)
    let targets = (0..<rows).map { Int32(($0 * 37) % vocabulary) }
    let scales = floats(rows, seed: 5)
    let both = try [Kernels.fast, .reference].map { kernels in
      let tape = Tape(recording: true, kernels: kernels)
      let h = tensor(rows, 20, floats(rows * 20, seed: 6, scale: 3))
      let losses = try tape.headLoss(h, head: head, targets: targets, scales: scales)
      try tape.backward()
      return (losses, h.gradientValue?.values ?? [])
    }
    expectClose(both[0].0, both[1].0, 2e-6, "losses")
    expectClose(both[0].1, both[1].1, 4e-6, "dh")
    let scoring = try Tape(recording: false, kernels: .fast).headLoss(
      tensor(rows, 20, floats(rows * 20, seed: 6, scale: 3)), head: head, targets: targets, scales: scales)
    expectClose(scoring, both[0].0, 1e-6, "losses without a gradient")
  }

  @Test @Compute func crossEntropyOfHugeLogitsIsFinite() {
    var logits: [Float] = [1e4, -1e4, 0, 1e4]
    var losses: [Float] = [0, 0]
    mk_cross_entropy(&logits, [0, 0], &losses, [1, 1], 0, 2, 2, nil, 0)
    #expect(losses == [0, 1e4])
    expectClose(logits, [0, 0, -1, 1], 1e-30, "dz")
  }

  @Test(arguments: [1, 15, 4096, 4097, 100_003])
  @Compute func whatIsNoNumberIsFoundAnywhere(count: Int) {
    var x = floats(count, seed: 8, scale: 3)
    x[0] = -.greatestFiniteMagnitude
    #expect(mk_all_finite(x, Int64(count)) && mk_all_finite(x, 0))
    for (place, value) in [(0, Float.nan), (count / 2, -.infinity), (count - 1, .infinity)] {
      let before = x[place]
      x[place] = value
      #expect(!mk_all_finite(x, Int64(count)), "\(value) at \(place)")
      x[place] = before
    }
  }

  @Test(arguments: [0, 1, 15, 4096, 4097, 100_003])
  @Compute func sumOfSquaresMatchesF64(count: Int) {
    let x = floats(count, seed: 7, scale: 3)
    let expected = x.reduce(0) { $0 + Double($1) * Double($1) }
    let sum = mk_sum_of_squares(x, Int64(count))
    #expect(abs(sum - expected) <= 1e-6 * expected)
    #expect(mk_sum_of_squares(x, Int64(count)) == sum)
  }

  @Test @Compute func addScaledAdds() {
    for count in [1, 15, 9000] {
      var y = floats(count, seed: 8)
      let x = floats(count, seed: 9)
      let expected = zip(y, x).map { $0 - 1.5 * $1 }
      mk_add_scaled(&y, x, -1.5, Int64(count))
      expectClose(y, expected, 1e-6, "y")
    }
  }

  @Test @Compute func bf16RoundsToNearestEvenAndKeepsNaN() {
    // NaNs whose payload lies in the dropped half must not become infinities.
    let nans = [0x7F80_0001, 0xFF80_0001, 0x7FC0_0000, 0x7FFF_FFFF].map { Float(bitPattern: UInt32($0)) }
    var narrow = [UInt16](repeating: 0, count: 4)
    mk_to_bf16(nans, &narrow, 4)
    for bits in narrow { #expect(Float(bitPattern: UInt32(bits) << 16).isNaN) }

    let ordinary = floats(20_001, seed: 10, scale: 1e3)
    var many = [UInt16](repeating: 0, count: ordinary.count)
    mk_to_bf16(ordinary, &many, Int64(ordinary.count))
    for (value, bits) in zip(ordinary, many) {
      let error = abs(Float(bitPattern: UInt32(bits) << 16) - value)
      for neighbour in [bits &- 1, bits &+ 1] {
        #expect(error <= abs(Float(bitPattern: UInt32(neighbour) << 16) - value))
      }
    }
  }
}
