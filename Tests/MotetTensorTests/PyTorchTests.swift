import CKernels
import Testing

@testable import MotetTensor

/// Each operator's values and gradients, on both paths, against PyTorch's.
@Suite struct PyTorchTests {
  @Test(arguments: [Kernels.fast, .reference])
  @Compute func rmsNormMatchesPyTorch(kernels: Kernels) throws {
    let f = try OperatorFixture.load().rmsNorm
    let tape = Tape(recording: true, kernels: kernels)
    let x = tensor(f.rows, f.columns, f.x)
    let y = tape.rmsNorm(x, weight: FrozenVector(f.weight), epsilon: f.epsilon)
    try goBack(tape, from: y, f.dy)
    expectClose(y.values, f.y, 2e-6, "y")
    expectClose(x.gradientValue?.values ?? [], f.dx, 2e-6, "dx")
  }

  @Test(arguments: [Kernels.fast, .reference])
  @Compute func swigluMatchesPyTorch(kernels: Kernels) throws {
    let f = try OperatorFixture.load().swiglu
    let tape = Tape(recording: true, kernels: kernels)
    let x = tensor(f.rows, 2 * f.width, f.x)
    let y = tape.swiglu(x)
    try goBack(tape, from: y, f.dy)
    expectClose(y.values, f.y, 2e-6, "y")
    expectClose(x.gradientValue?.values ?? [], f.dx, 2e-6, "dx")
  }

  @Test(arguments: [Kernels.fast, .reference])
  @Compute func rotaryAttentionMatchesPyTorch(kernels: Kernels) throws {
    for f in try OperatorFixture.load().attention {
      let tape = Tape(recording: true, kernels: kernels)
      let shape = AttentionShape(heads: f.heads, kvHeads: f.kvHeads, headDimension: f.dimension)
      let (spans, positions) = packed(f.lengths)
      let x = tensor(positions.count, shape.packedWidth, f.x)
      let table = RotaryTable(positions: 64, headDimension: f.dimension, theta: f.theta)
      let y = tape.rotaryAttention(
        x, shape: shape, sequences: spans, positions: positions, table: table, layer: 0)
      try goBack(tape, from: y, f.dy)
      expectClose(y.values, f.y, 1e-5, "y")
      expectClose(x.gradientValue?.values ?? [], f.dx, 1e-5, "dx")
    }
  }

  @Test(arguments: [Kernels.fast, .reference])
  @Compute func adaptedLinearMatchesPyTorch(kernels: Kernels) throws {
    let f = try OperatorFixture.load().adaptedLinear
    let tape = Tape(recording: true, kernels: kernels)
    let x = tensor(f.rows, f.inputs, f.x)
    let residual = tensor(f.rows, f.outputs, f.residual)
    let matrix = try FrozenMatrix(f.weight, outputs: f.outputs, inputs: f.inputs, precision: .f32)
    let terms = f.terms.map { term in
      let outputs = term.columns[1] - term.columns[0]
      return LowRankTerm(
        rows: term.rows[0]..<term.rows[1], columns: term.columns[0]..<term.columns[1],
        loraA: Parameter(rows: term.rank, columns: f.inputs, term.a, trainable: true),
        loraB: Parameter(rows: outputs, columns: term.rank, term.b, trainable: true), scale: term.scale)
    }
    let y = try tape.adaptedLinear(x, matrix, terms: terms, adding: residual)
    try goBack(tape, from: y, f.dy)
    expectClose(y.values, f.y, 2e-6, "y")
    expectClose(x.gradientValue?.values ?? [], f.dx, 2e-6, "dx")
    expectClose(residual.gradientValue?.values ?? [], f.dresidual, 0, "dresidual")
    for (made, term) in zip(terms, f.terms) {
      expectClose(made.loraA.gradient?.values ?? [], term.da, 2e-6, "dA")
      expectClose(made.loraB.gradient?.values ?? [], term.db, 2e-6, "dB")
    }
  }

  @Test(arguments: [Kernels.fast, .reference])
  @Compute func headLossMatchesPyTorch(kernels: Kernels) throws {
    let f = try OperatorFixture.load().headLoss
    let tape = Tape(recording: true, kernels: kernels)
    let h = tensor(f.rows, f.hidden, f.h)
    let head = try FrozenMatrix(f.head, outputs: f.vocabulary, inputs: f.hidden, precision: .f32)
    let losses = try tape.headLoss(h, head: head, targets: f.targets, scales: f.scales)
    try tape.backward()
    expectClose(losses, f.losses, 2e-6, "losses")
    expectClose(h.gradientValue?.values ?? [], f.dh, 2e-6, "dh")
  }

  @Test @Compute func gatherMatchesPyTorch() throws {
    let f = try OperatorFixture.load().gather
    let tape = Tape(recording: true)
    let x = tensor(f.height, f.columns, f.x)
    let y = tape.gather(x, rows: f.chosen)
    try goBack(tape, from: y, f.dy)
    #expect(y.values == f.y)
    expectClose(x.gradientValue?.values ?? [], f.dx, 1e-7, "dx")
  }

  @Test @Compute func adamWMatchesPyTorch() throws {
    let f = try OperatorFixture.load().adamW
    var values = f.start
    var m = [Float](repeating: 0, count: values.count)
    var v = m
    var (correction1, correction2): (Float, Float) = (1, 1)
    for (gradient, after) in zip(f.gradients, f.after) {
      correction1 *= f.beta1
      correction2 *= f.beta2
      var step = mk_adamw_step(
        learning_rate: f.learningRate, beta1: f.beta1, beta2: f.beta2, epsilon: f.epsilon,
        weight_decay: f.weightDecay, correction1: 1 - correction1, correction2: 1 - correction2,
        gradient_scale: 0.5)
      // Scaling by a half what was doubled: clipping goes through gradient_scale.
      mk_adamw(&values, gradient.map { $0 * 2 }, &m, &v, Int64(values.count), &step)
      expectClose(values, after, 1e-6, "values")
    }
  }

  @Test @Compute func bf16RoundsAsPyTorchDoes() throws {
    let f = try OperatorFixture.load().bf16
    let values = f.bits.map { Float(bitPattern: $0) }
    var narrow = [UInt16](repeating: 0, count: values.count)
    mk_to_bf16(values, &narrow, Int64(values.count))
    #expect(narrow == f.rounded)
    var wide = values
    mk_from_bf16(narrow, &wide, Int64(values.count))
    #expect(wide.map(\.bitPattern) == f.rounded.map { UInt32($0) << 16 })
  }
}
