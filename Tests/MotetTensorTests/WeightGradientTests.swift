import Testing

@testable import MotetTensor

/// Gradients of weights that a copy trains.
@Suite struct WeightGradientTests {
  @Test func theGradientOfANormsWeightIsThatOfDifferences() {
    let x = samples(21, seed: 1, scale: 2)
    let weight = samples(7, seed: 2)
    let dy = samples(21, seed: 3)
    let dw = Reference.rmsNormWeightBackward(x, epsilon: 1e-3, dy: dy, columns: 7)
    check(dw, at: weight, dy: dy, "dw") { Reference.rmsNorm(x, weight: $0, epsilon: 1e-3, columns: 7) }
  }

  /// Rows that fill no block of the transposition or of the contraction, and sizes past one.
  @Test(arguments: [(1, 5, 3), (63, 33, 40), (130, 200, 96)], [false, true])
  @Compute func productsWithTheInputAreThePlainLoops(
    size: (rows: Int, outputs: Int, inputs: Int), isNarrow: Bool
  )
    throws
  {
    guard !isNarrow || Precision.bf16.isSupported else { return }
    func tensor(_ columns: Int, _ seed: UInt64) -> Tensor {
      Tensor(
        rows: size.rows, columns: columns, samples(size.rows * columns, seed: seed).map { Float($0) })
    }
    let (dy, x) = (tensor(size.outputs, 4), tensor(size.inputs, 5))
    let format: ActivationStorage = isNarrow ? .bf16 : .f32
    let (narrowDy, narrowX) = (dy.converted(to: format), x.converted(to: format))
    let start = samples(size.outputs * size.inputs, seed: 6).map { Float($0) }
    let frozen = try FrozenMatrix(
      start, outputs: size.outputs, inputs: size.inputs, precision: isNarrow ? .bf16 : .f32)
    func gradient(_ dy: Tensor, _ x: Tensor, _ kernels: Kernels) throws -> [Float] {
      let weight = Parameter(rows: size.outputs, columns: size.inputs, start, trainable: true)
      weight.gradient?.copy(from: weight.values)
      let copy = try FrozenMatrix(weight.values, copying: frozen)
      try copy.gatherGradient(dy, x, into: weight, kernels: kernels)
      return weight.gradient?.values ?? []
    }
    let expected = try gradient(narrowDy, narrowX, .reference)
    let bound: Float = 1e-4 * Float(size.rows).squareRoot()
    // f32 gradients, as the head has them, are brought to bf16 on the way.
    for dy in [narrowDy, dy] {
      let found = try gradient(dy, narrowX, .fast)
      #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= bound })
    }
  }

  @Test(arguments: [Precision.f32, .bf16].filter(\.isSupported))
  @Compute func aCopyThatIsPackedAgainMultipliesAsTheNewValues(precision: Precision) throws {
    func values(_ seed: UInt64) -> Tensor {
      Tensor(rows: 33, columns: 20, samples(660, seed: seed).map(Float.init))
    }
    let base = try FrozenMatrix(values(1).values, outputs: 33, inputs: 20, precision: precision)
    let before = base.floats()
    let copy = try FrozenMatrix(values(2), copying: base)
    let next = try FrozenMatrix(values(3), replacing: copy)
    let wanted = try FrozenMatrix(values(3).values, outputs: 33, inputs: 20, precision: precision)
    #expect(next.floats() == wanted.floats())
    #expect(base.floats() == before)
  }

  @Test @Compute func rowsLookedUpTwiceGatherBoth() {
    let table = Parameter(rows: 4, columns: 2, [Float](repeating: 0, count: 8), trainable: true)
    table.gatherRows(Tensor(rows: 3, columns: 2, [1, 2, 10, 20, 100, 200]), at: [2, 0, 2])
    #expect(table.gradient?.values == [10, 20, 0, 0, 101, 202, 0, 0])
  }
}
