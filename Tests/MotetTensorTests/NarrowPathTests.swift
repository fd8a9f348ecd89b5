import CKernels
import Testing

@testable import MotetTensor

/// The operators whose activations are in bf16 against the same in f32: they differ by rounding alone.
@Suite struct NarrowPathTests {
  @Test(arguments: [
    (3, 1, 64, [127, 128, 129]), (2, 2, 32, [301, 1]), (9, 3, 64, [16, 1, 1, 150]), (4, 2, 96, [33, 2, 31]),
  ])
  @Compute func attentionDiffersByRounding(heads: Int, kvHeads: Int, dimension: Int, lengths: [Int]) throws {
    let shape = AttentionShape(heads: heads, kvHeads: kvHeads, headDimension: dimension)
    let narrow = try AttentionTests().run(shape, lengths, .fast, storage: .bf16)
    let wide = try AttentionTests().run(shape, lengths, .fast)
    expectClose(narrow.y, wide.y, 0.01, "y")
    expectClose(narrow.dx, wide.dx, 0.02, "dx")
    #expect(narrow.y != wide.y)
  }

  @Test @Compute func aLaterTokenLeavesEarlierOnesAlone() throws {
    let shape = AttentionShape(heads: 3, kvHeads: 1, headDimension: 64)
    let values = floats(40 * shape.packedWidth, seed: 5)
    func run(_ rows: Int) -> [Float] {
      let tape = Tape(recording: false, storage: .bf16, kernels: .fast)
      let (spans, positions) = packed([rows])
      let y = tape.rotaryAttention(
        tensor(rows, shape.packedWidth, Array(values.prefix(rows * shape.packedWidth))), shape: shape,
        sequences: spans, positions: positions,
        table: RotaryTable(positions: 64, headDimension: 64, theta: 10_000), layer: 0)
      return y.values
    }
    #expect(run(40).prefix(17 * shape.queryWidth) == run(17)[...])
  }

  @Compute func linear(
    _ storage: ActivationStorage, rank: Int, inputs: Int, outputs: Int, dropout: Float = 0
  ) throws -> [[Float]] {
    let rows = 77
    let matrix = try FrozenMatrix(
      floats(inputs * outputs, seed: 1, scale: 0.1), outputs: outputs, inputs: inputs, precision: .bf16)
    func parameter(_ rows: Int, _ columns: Int, _ seed: UInt64) -> Parameter {
      Parameter(rows: rows, columns: columns, floats(rows * columns, seed: seed, scale: 0.3), trainable: true)
    }
    // Two adapters on the first rows, one of them alone on the last; the second adds to some columns.
    let (a1, b1) = (parameter(rank, inputs, 2), parameter(outputs, rank, 3))
    let (a2, b2) = (parameter(rank + 1, inputs, 4), parameter(outputs - 9, rank + 1, 5))
    func drop(_ sequences: [(rows: Int, seed: UInt64)]) -> LowRankTerm.Dropout? {
      dropout > 0 ? LowRankTerm.Dropout(rate: dropout, sequences: sequences) : nil
    }
    let (first, last) = (drop([(20, 9), (21, 10)]), drop([(27, 11)]))
    let terms = [
      LowRankTerm(rows: 0..<41, columns: 0..<outputs, loraA: a1, loraB: b1, scale: 0.5, dropout: first),
      LowRankTerm(rows: 0..<41, columns: 9..<outputs, loraA: a2, loraB: b2, scale: 1.5, dropout: first),
      LowRankTerm(rows: 50..<rows, columns: 0..<outputs, loraA: a1, loraB: b1, scale: 0.5, dropout: last),
    ]
    let tape = Tape(recording: true, storage: storage, kernels: .fast)
    let x = tensor(rows, inputs, floats(rows * inputs, seed: 6))
    let residual = tensor(rows, outputs, floats(rows * outputs, seed: 7))
    let y = try tape.adaptedLinear(x, matrix, terms: terms, adding: residual)
    try goBack(tape, from: y, floats(y.count, seed: 8))
    let gradients = [a1, b1, a2, b2].map { $0.gradient?.values ?? [] }
    return [y.values, x.gradientValue?.values ?? [], residual.gradientValue?.values ?? []] + gradients
  }

  @Test(
    .enabled(if: precisions.contains(.bf16)),
    arguments: [(16, 64, 96), (5, 48, 80), (1, 96, 33), (33, 130, 65), (8, 31, 47)])
  @Compute func lowRankPartsDifferByRounding(rank: Int, inputs: Int, outputs: Int) throws {
    let narrow = try linear(.bf16, rank: rank, inputs: inputs, outputs: outputs)
    let wide = try linear(.f32, rank: rank, inputs: inputs, outputs: outputs)
    let names = ["y", "dx", "residual", "dA1", "dB1", "dA2", "dB2"]
    for (name, (a, b)) in zip(names, zip(narrow, wide)) { expectClose(a, b, 0.015, name) }
    #expect(narrow[0] != wide[0])
    #expect(narrow[2] == wide[2])
  }

  @Test(.enabled(if: precisions.contains(.bf16)))
  @Compute func dropoutDrawsTheSameMaskInBothFormats() throws {
    let narrow = try linear(.bf16, rank: 4, inputs: 48, outputs: 64, dropout: 0.5)
    let wide = try linear(.f32, rank: 4, inputs: 48, outputs: 64, dropout: 0.5)
    for (a, b) in zip(narrow, wide) { expectClose(a, b, 0.02, "with dropout") }
  }

  @Test @Compute func normAndGatesDifferByRounding() throws {
    func run(_ storage: ActivationStorage) throws -> [[Float]] {
      let tape = Tape(recording: true, storage: storage, kernels: .fast)
      let x = tensor(37, 50, floats(37 * 50, seed: 1, scale: 3))
      let normed = tape.rmsNorm(x, weight: FrozenVector(floats(50, seed: 2)), epsilon: 1e-5)
      try goBack(tape, from: normed, floats(normed.count, seed: 3))
      let gates = tensor(37, 50, floats(37 * 50, seed: 4, scale: 4))
      let y = tape.swiglu(gates)
      try goBack(tape, from: y, floats(y.count, seed: 5))
      return [
        normed.values, x.gradientValue?.values ?? [], y.values, gates.gradientValue?.values ?? [],
      ]
    }
    for (narrow, wide) in zip(try run(.bf16), try run(.f32)) { expectClose(narrow, wide, 0.01, "value") }
  }
}
