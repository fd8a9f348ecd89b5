import Testing

@testable import MotetTensor

/// Columns times factors: against PyTorch, finite differences, and in bf16.
@Suite struct ScaledColumnsTests {
  @Test(arguments: [Kernels.fast, .reference])
  @Compute func valuesAndGradientsAreThoseOfPyTorch(kernels: Kernels) throws {
    let f = try OperatorFixture.load().scaledColumns
    let tape = Tape(recording: true, kernels: kernels)
    let x = tensor(f.rows, f.columns, f.x)
    let residual = tensor(f.rows, f.columns, f.residual)
    let scalings = f.scalings.map {
      ColumnScaling(
        rows: $0.rows[0]..<$0.rows[1], columns: $0.columns[0]..<$0.columns[1],
        factors: Parameter(rows: 1, columns: $0.c.count, $0.c, trainable: true))
    }
    let y = tape.scaledColumns(x, scalings, adding: residual)
    try goBack(tape, from: y, f.dy)
    expectClose(y.values, f.y, 2e-6, "y")
    expectClose(x.gradientValue?.values ?? [], f.dx, 2e-6, "dx")
    expectClose(residual.gradientValue?.values ?? [], f.dresidual, 0, "dresidual")
    for (made, wanted) in zip(scalings, f.scalings) {
      expectClose(made.factors.gradient?.values ?? [], wanted.dc, 2e-6, "dc")
    }
  }

  @Test func theGradientIsThatOfFiniteDifferences() {
    let x = samples(5 * 6, seed: 1)
    let c = samples(6, seed: 2)
    let dy = samples(5 * 6, seed: 3)
    let back = Reference.scaledColumnsBackward(x, factors: c, dy: dy)
    check(back.dx, at: x, dy: dy, "dx") { Reference.scaledColumns($0, factors: c) }
    check(back.dc, at: c, dy: dy, "dc") { Reference.scaledColumns(x, factors: $0) }
  }

  /// Factors train on an input without a gradient, as in the lowest layer, and frozen ones let a gradient through.
  @Test @Compute func factorsTrainAloneAndFrozenOnesPassTheGradientOn() throws {
    let values = floats(33 * 140, seed: 4)
    let dy = floats(33 * 140, seed: 5)
    func run(_ storage: ActivationStorage, trains: Bool) throws -> (y: [Float], dx: [Float]?, dc: [Float]?) {
      let tape = Tape(recording: true, storage: storage)
      let x = tensor(33, 140, values, wantsGradient: !trains)
      let factors = Parameter(rows: 1, columns: 140, floats(140, seed: 6), trainable: trains)
      let y = tape.scaledColumns(x, [ColumnScaling(rows: 0..<33, columns: 0..<140, factors: factors)])
      try goBack(tape, from: y, dy)
      return (y.values, x.gradientValue?.values, factors.gradient?.values)
    }
    let (trained, narrow) = (try run(.f32, trains: true), try run(.bf16, trains: true))
    #expect(trained.dx == nil)
    let wanted = (0..<140).map { j in
      (0..<33).reduce(Float(0)) { $0 + dy[$1 * 140 + j] * values[$1 * 140 + j] }
    }
    expectClose(trained.dc ?? [], wanted, 1e-5, "dc")
    expectClose(narrow.dc ?? [], wanted, 0.01, "dc in bf16")
    let frozen = try run(.f32, trains: false)
    #expect(frozen.dc == nil && frozen.y == trained.y)
    expectClose(
      frozen.dx ?? [], Reference.scaledColumns(dy, factors: floats(140, seed: 6)), 1e-6, "dx")
  }

  @Test @Compute func normsOfAnAdaptedMatrixAreThoseOfItsRows() throws {
    let (inputs, outputs, rank) = (40, 23, 5)
    let w = floats(outputs * inputs, seed: 7)
    let (a, b) = (floats(rank * inputs, seed: 8), floats(outputs * rank, seed: 9))
    let delta = Reference.product(b, a, rows: outputs, outputs: inputs, inputs: rank, transposed: false)
    let wanted = (0..<outputs).map { row in
      (0..<inputs).reduce(Float(0)) { sum, k in
        let value = w[row * inputs + k] + 0.7 * delta[row * inputs + k]
        return sum + value * value
      }.squareRoot()
    }
    let squares = (0..<outputs).map { row in w[row * inputs..<(row + 1) * inputs].reduce(0) { $0 + $1 * $1 } }
    let product = Reference.product(a, w, rows: rank, outputs: outputs, inputs: inputs, transposed: true)
    let norms = Tensor.adaptedRowNorms(
      squares: squares, product: Tensor(rows: rank, columns: outputs, product),
      loraA: Tensor(rows: rank, columns: inputs, a), loraB: Tensor(rows: outputs, columns: rank, b),
      scale: 0.7)
    expectClose(norms.values, wanted, 2e-6, "norms")
  }
}
