import Testing

@testable import MotetTensor

@Suite struct LayerNormTests {
  private struct Run {
    var y, dx, dweight, dbias: [Float]
  }

  @Compute private func run(
    _ x: [Float], rows: Int, weight: [Float], bias: [Float]?, epsilon: Float = 1e-5, dy: [Float],
    _ kernels: Kernels, storage: ActivationStorage = .f32
  ) throws -> Run {
    let tape = Tape(recording: true, storage: storage, kernels: kernels)
    let n = weight.count
    let input = tensor(rows, n, x)
    let trainedWeight = Parameter(rows: 1, columns: n, weight, trainable: true)
    let trainedBias = bias.map { Parameter(rows: 1, columns: n, $0, trainable: true) }
    let y = tape.layerNorm(
      input, weight: FrozenVector(weight), bias: bias.map { FrozenVector($0) }, epsilon: epsilon,
      trained: (trainedWeight, trainedBias))
    try goBack(tape, from: y, dy)
    return Run(
      y: y.values, dx: input.gradientValue?.values ?? [], dweight: trainedWeight.gradient?.values ?? [],
      dbias: trainedBias?.gradient?.values ?? [])
  }

  @Test(arguments: [Kernels.fast, .reference])
  @Compute func matchesPyTorch(kernels: Kernels) throws {
    for f in try FamilyFixture.load().layerNorm {
      let made = try run(
        f.x, rows: f.rows, weight: f.weight, bias: f.bias, epsilon: f.epsilon, dy: f.dy, kernels)
      expectClose(made.y, f.y, 2e-6, "y")
      expectClose(made.dx, f.dx, 3e-6, "dx")
      expectClose(made.dweight, f.dweight, 2e-6, "dw")
      expectClose(made.dbias, f.dbias ?? [], 2e-6, "db")
    }
  }

  @Test func gradientsAreThoseOfSmallChanges() {
    let x = samples(21, seed: 1, scale: 2)
    let (weight, bias) = (samples(7, seed: 2), samples(7, seed: 3))
    let dy = samples(21, seed: 4)
    let back = Reference.layerNormBackward(x, weight: weight, epsilon: 1e-3, dy: dy)
    check(back.dx, at: x, dy: dy, "dx") {
      Reference.layerNorm($0, weight: weight, bias: bias, epsilon: 1e-3)
    }
    check(back.dw, at: weight, dy: dy, "dw") {
      Reference.layerNorm(x, weight: $0, bias: bias, epsilon: 1e-3)
    }
    check(back.db, at: bias, dy: dy, "db") {
      Reference.layerNorm(x, weight: weight, bias: $0, epsilon: 1e-3)
    }
  }

  @Test(arguments: ElementwiseTests.shapes) @Compute func fastPathMatchesReference(rows: Int, columns: Int)
    throws
  {
    guard columns > 1 else { return }
    let x = floats(rows * columns, seed: 1, scale: 4).map { $0 + 1 }
    let (weight, bias) = (floats(columns, seed: 2), floats(columns, seed: 3))
    let dy = floats(rows * columns, seed: 4)
    let both = try [Kernels.fast, .reference].map {
      try run(x, rows: rows, weight: weight, bias: bias, dy: dy, $0)
    }
    expectClose(both[0].y, both[1].y, 4e-6, "y")
    expectClose(both[0].dx, both[1].dx, 8e-6, "dx")
    expectClose(both[0].dweight, both[1].dweight, 8e-6, "dw")
    expectClose(both[0].dbias, both[1].dbias, 4e-6, "db")
  }

  @Test @Compute func bf16DiffersByRounding() throws {
    let x = floats(37 * 50, seed: 1, scale: 3)
    let (weight, bias) = (floats(50, seed: 2), floats(50, seed: 3))
    let dy = floats(37 * 50, seed: 4)
    let wide = try run(x, rows: 37, weight: weight, bias: bias, dy: dy, .fast)
    let narrow = try run(x, rows: 37, weight: weight, bias: bias, dy: dy, .fast, storage: .bf16)
    expectClose(narrow.y, wide.y, 0.005, "y")
    expectClose(narrow.dx, wide.dx, 0.01, "dx")
    expectClose(narrow.dweight, wide.dweight, 0.01, "dw")
    #expect(narrow.y != wide.y && narrow.dx != wide.dx && narrow.dbias == wide.dbias)
  }

  /// A large mean costs nothing: squares are those of what is left without it.
  @Test @Compute func aLargeMeanCostsNoDigits() throws {
    let x = (0..<64).map { 4096 + Float($0 % 5) }
    let ones = [Float](repeating: 1, count: 64)
    let made = try run(x, rows: 1, weight: ones, bias: nil, dy: ones, .fast)
    let exact = Reference.layerNorm(
      x.map(Double.init), weight: ones.map(Double.init), bias: nil, epsilon: 1e-5)
    expectClose(made.y, exact.map { Float($0) }, 2e-6, "y")
  }

  @Test @Compute func aFrozenNormBelowEverythingRecordsNothing() {
    let tape = Tape(recording: true)
    let ones = FrozenVector([1, 1])
    let x = tensor(3, 2, floats(6, seed: 1), wantsGradient: false)
    _ = tape.layerNorm(x, weight: ones, bias: ones, epsilon: 1e-5)
    #expect(tape.recordedSteps == 0)
  }
}
