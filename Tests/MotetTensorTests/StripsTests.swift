import Testing

@testable import MotetTensor

/// Products with adapters' parts by strips of the result, against plain loops in f32: they differ by rounding alone.
@Suite struct StripsTests {
  struct Shape: Sendable, CustomTestStringConvertible {
    let rows: Int
    let inputs: Int
    let outputs: Int
    var precision = Precision.bf16
    var testDescription: String { "[\(rows), \(inputs)] by [\(outputs), \(inputs)] in \(precision)" }
  }

  /// Rows in whole tiles and not, one and several parts of the sum each way, half a block of columns at the end.
  static let shapes = [
    Shape(rows: 132, inputs: 64, outputs: 96), Shape(rows: 301, inputs: 1696, outputs: 160),
    Shape(rows: 129, inputs: 96, outputs: 1664), Shape(rows: 143, inputs: 1024, outputs: 1024),
    Shape(rows: 140, inputs: 128, outputs: 192, precision: .int8),
    Shape(rows: 150, inputs: 64, outputs: 960, precision: .int8),
  ].filter { precisions.contains($0.precision) && precisions.contains(.bf16) }

  @Compute func run(
    _ shape: Shape, _ storage: ActivationStorage, rows kept: Int? = nil, firstRun: Int = 101,
    kernels: Kernels = .fast
  ) throws -> [[Float]] {
    let (rows, inputs, outputs) = (kept ?? shape.rows, shape.inputs, shape.outputs)
    let matrix = try FrozenMatrix(
      floats(inputs * outputs, seed: 1, scale: 0.1), outputs: outputs, inputs: inputs,
      precision: shape.precision)
    var parameters: [Parameter] = []
    func term(_ rows: Range<Int>, _ columns: Range<Int>, rank: Int, _ scale: Float) -> LowRankTerm {
      let seed = UInt64(2 * parameters.count + 2)
      let a = Parameter(
        rows: rank, columns: inputs, floats(rank * inputs, seed: seed, scale: 0.1), trainable: true)
      let b = Parameter(
        rows: columns.count, columns: rank, floats(columns.count * rank, seed: seed + 1, scale: 0.3),
        trainable: true)
      parameters += [a, b]
      return LowRankTerm(rows: rows, columns: columns, loraA: a, loraB: b, scale: scale)
    }
    // More on the same rows than go on in one tile, runs that end within a tile, columns that begin within a strip.
    var terms = (0..<11).map { term(0..<firstRun, 0..<outputs, rank: 1 + $0, 0.3) }
    terms.append(term(0..<firstRun, 7..<outputs - 3, rank: 16, 0.5))
    terms.append(term(101..<rows, 0..<outputs / 2, rank: 32, 1.5))
    terms.append(term(101..<rows, outputs / 2..<outputs, rank: 5, 1.5))
    let tape = Tape(recording: true, storage: storage, kernels: kernels)
    let x = tensor(rows, inputs, Array(floats(shape.rows * inputs, seed: 90).prefix(rows * inputs)))
    let residual = tensor(rows, outputs, Array(floats(shape.rows * outputs, seed: 91).prefix(rows * outputs)))
    let y = try tape.adaptedLinear(x, matrix, terms: terms, adding: residual)
    try goBack(tape, from: y, Array(floats(shape.rows * outputs, seed: 92).prefix(y.count)))
    return [y.values, x.gradientValue?.values ?? [], residual.gradientValue?.values ?? []]
      + parameters.map { $0.gradient?.values ?? [] }
  }

  @Test(arguments: shapes)
  @Compute func differByRounding(_ shape: Shape) throws {
    let narrow = try run(shape, .bf16)
    let wide = try run(shape, .f32, kernels: .reference)
    for (index, (a, b)) in zip(narrow, wide).enumerated() { expectClose(a, b, 0.02, "value \(index)") }
    #expect(narrow[0] != wide[0])
    #expect(narrow[2] == wide[2])
  }

  @Test(arguments: shapes)
  @Compute func aRowDependsOnItselfAlone(_ shape: Shape) throws {
    // Both by strips.
    let rows = max(128, shape.rows - 13)
    let (all, first) = (try run(shape, .bf16), try run(shape, .bf16, rows: rows))
    #expect(all[0].prefix(rows * shape.outputs) == first[0][...])
    #expect(all[1].prefix(rows * shape.inputs) == first[1][...])
    // What others on the tile carry makes no difference to it.
    let others = try run(shape, .bf16, firstRun: 97)
    #expect(all[0].dropFirst(101 * shape.outputs) == others[0].dropFirst(101 * shape.outputs))
    #expect(all[1].dropFirst(101 * shape.inputs) == others[1].dropFirst(101 * shape.inputs))
    #expect(all[0].prefix(97 * shape.outputs) == others[0].prefix(97 * shape.outputs))
    #expect(all[0] != others[0])
  }

  @Test(.enabled(if: precisions.contains(.bf16))) @Compute func noRowsAreNoWork() throws {
    let matrix = try FrozenMatrix(floats(64 * 96, seed: 1), outputs: 96, inputs: 64, precision: .bf16)
    let none = Tensor(rows: 0, columns: 64)
    try matrix.multiply(none, into: Tensor(rows: 0, columns: 96))
    try matrix.multiplyTransposed(Tensor(rows: 0, columns: 96), into: none)
  }

  /// 1,024 is where rows of gradients are spread, 300 rows are more than a chunk.
  @Test(.enabled(if: precisions.contains(.bf16)), arguments: [1024, 2048, 1056, 1000])
  @Compute func theHeadsGradientDiffersByRounding(vocabulary: Int) throws {
    let (rows, hidden) = (300, 96)
    func loss(_ storage: ActivationStorage) throws -> (losses: [Float], gradient: [Float]) {
      let head = try FrozenMatrix(
        floats(vocabulary * hidden, seed: 1), outputs: vocabulary, inputs: hidden, precision: .bf16)
      let tape = Tape(recording: true, storage: storage, kernels: .fast)
      let h = tensor(rows, hidden, floats(rows * hidden, seed: 2))
      let losses = try tape.headLoss(
        h, head: head, targets: (0..<rows).map { Int32($0 * 7 % vocabulary) },
        scales: (0..<rows).map { Float($0 % 3) / 300 })
      try tape.backward()
      return (losses, h.gradientValue?.values ?? [])
    }
    let (narrow, wide) = (try loss(.bf16), try loss(.f32))
    expectClose(narrow.losses, wide.losses, 0.01, "loss")
    expectClose(narrow.gradient, wide.gradient, 0.02, "gradient")
    #expect(narrow.gradient.contains { $0 != 0 })
  }

  @Test(.enabled(if: precisions.contains(.bf16)))
  @Compute func aLossThatIsNoNumberIsSaid() throws {
    let head = try FrozenMatrix(floats(1024 * 64, seed: 1), outputs: 1024, inputs: 64, precision: .bf16)
    let tape = Tape(recording: true, storage: .bf16, kernels: .fast)
    var values = floats(3 * 64, seed: 2)
    values[70] = .nan
    let losses = try tape.headLoss(tensor(3, 64, values), head: head, targets: [1, 2, 3], scales: [1, 1, 1])
    #expect(losses[0].isFinite && losses[1].isNaN && losses[2].isFinite)
  }
}
