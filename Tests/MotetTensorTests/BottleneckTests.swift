import Foundation
import Testing

@testable import MotetTensor

/// The bottleneck module: f64 against small changes, both paths against PyTorch (Tests/Fixtures/methods_bottleneck.py).
@Suite struct BottleneckTests {
  struct Case: Decodable {
    let activation: String
    let h, residual, y, dy, dh, dresidual: [Float]
    /// D, b, U, c.
    let weights, gradients: [[Float]]
  }

  static func cases() throws -> [Case] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
    let file = folder.appending(path: "../Fixtures/bottleneck/operator.json")
    return try JSONDecoder().decode([Case].self, from: Data(contentsOf: file))
  }

  @Compute func module(_ weights: [[Float]], _ activation: String, trainable: Bool = true) throws
    -> Bottleneck
  {
    let shapes = [(3, 8), (1, 3), (8, 3), (1, 8)]
    let p = zip(shapes, weights).map { Parameter(rows: $0.0, columns: $0.1, $1, trainable: trainable) }
    return Bottleneck(
      down: p[0], downBias: p[1], up: p[2], upBias: p[3],
      activation: try #require(Bottleneck.Activation(rawValue: activation)))
  }

  @Test(arguments: [Kernels.fast, .reference])
  @Compute func valuesAndGradientsAreThoseOfPyTorch(kernels: Kernels) throws {
    for f in try Self.cases() {
      let tape = Tape(recording: true, kernels: kernels)
      let (h, residual) = (tensor(5, 8, f.h), tensor(5, 8, f.residual))
      let module = try module(f.weights, f.activation)
      let y = tape.bottleneck(h, terms: [(1..<4, module)], adding: residual)
      try goBack(tape, from: y, f.dy)
      expectClose(y.values, f.y, 2e-6, "y")
      expectClose(h.gradientValue?.values ?? [], f.dh, 2e-6, "dh")
      expectClose(residual.gradientValue?.values ?? [], f.dresidual, 2e-6, "dresidual")
      for (parameter, wanted) in zip(module.parameters, f.gradients) {
        expectClose(parameter.gradient?.values ?? [], wanted, 2e-6, "a parameter's gradient")
      }
    }
  }

  @Test(arguments: Bottleneck.Activation.allCases)
  func theReferenceGradientIsThatOfSmallChanges(activation: Bottleneck.Activation) {
    let (rows, size, width) = (4, 3, 5)
    let h = samples(rows * width, seed: 1, scale: 2)
    let (down, up) = (samples(size * width, seed: 2), samples(width * size, seed: 3))
    let (downBias, upBias) = (samples(size, seed: 4), samples(width, seed: 5))
    let dy = samples(rows * width, seed: 6)
    func f(_ h: [Double], _ d: [Double], _ b: [Double], _ u: [Double], _ c: [Double]) -> [Double] {
      Reference.bottleneck(h, down: d, downBias: b, up: u, upBias: c, activation: activation).delta
    }
    let inner = Reference.bottleneck(
      h, down: down, downBias: downBias, up: up, upBias: upBias, activation: activation
    ).inner
    let back = Reference.bottleneckBackward(
      h, inner: inner, dy: dy, down: down, up: up, width: width, activation: activation)
    check(back.dh, at: h, dy: dy, "dh") { f($0, down, downBias, up, upBias) }
    check(back.down, at: down, dy: dy, "dD") { f(h, $0, downBias, up, upBias) }
    check(back.downBias, at: downBias, dy: dy, "db") { f(h, down, $0, up, upBias) }
    check(back.up, at: up, dy: dy, "dU") { f(h, down, downBias, $0, upBias) }
    check(back.upBias, at: upBias, dy: dy, "dc") { f(h, down, downBias, up, $0) }
  }

  /// The module is taken alike whether what went through it is kept in f32 or in bf16: but for rounding.
  @Test @Compute func whatIsKeptInBF16GivesNearlyTheSameGradients() throws {
    let f = try #require(try Self.cases().first)
    func gradients(_ storage: ActivationStorage) throws -> [[Float]] {
      let tape = Tape(recording: true, storage: storage)
      let module = try module(f.weights, f.activation)
      let h = tensor(5, 8, f.h)
      let y = tape.bottleneck(h, terms: [(1..<4, module)], adding: tensor(5, 8, f.residual))
      try goBack(tape, from: y, f.dy)
      return module.parameters.map { $0.gradient?.values ?? [] } + [h.gradientValue?.values ?? []]
    }
    for (wide, narrow) in zip(try gradients(.f32), try gradients(.bf16)) {
      expectClose(narrow, wide, 1e-2, "gradient")
    }
  }

  @Test @Compute func nothingIsRecordedWhereNothingTrains() throws {
    let f = try #require(try Self.cases().first)
    let tape = Tape(recording: true)
    let module = try module(f.weights, f.activation, trainable: false)
    let y = tape.bottleneck(
      tensor(5, 8, f.h, wantsGradient: false), terms: [(0..<5, module)],
      adding: tensor(5, 8, f.residual, wantsGradient: false))
    #expect(tape.recordedSteps == 0 && !y.wantsGradient)
    // A module that does not train still lets the gradient through.
    let h = tensor(5, 8, f.h)
    let through = tape.bottleneck(h, terms: [(1..<4, module)], adding: tensor(5, 8, f.residual))
    try goBack(tape, from: through, f.dy)
    expectClose(h.gradientValue?.values ?? [], f.dh, 2e-6, "dh")
  }
}
