import Testing

@testable import MotetTensor

@Suite struct EmbeddingTests {
  private struct Tables {
    let words, positions, kinds: Parameter

    @Compute init(_ f: FamilyFixture.Embedding, trains: Bool = true) {
      func parameter(_ values: [Float]) -> Parameter {
        Parameter(rows: values.count / f.hidden, columns: f.hidden, values, trainable: trains)
      }
      (words, positions, kinds) = (parameter(f.table), parameter(f.positions), parameter(f.kinds))
    }

    @Compute func embed(_ f: FamilyFixture.Embedding, on tape: Tape) -> Tensor {
      func table(_ parameter: Parameter) -> FrozenTable {
        FrozenTable(
          parameter.values.values, rows: parameter.rows, columns: parameter.columns, precision: .f32)
      }
      return tape.embedded(
        f.tokens, in: table(words), trained: words, scale: f.scale,
        adding: [
          AddedEmbedding(table: table(positions), rows: [0, 1, 2, 3, 4], trained: positions),
          AddedEmbedding(table: table(kinds), rows: f.types, trained: kinds),
        ])
    }
  }

  @Test(arguments: [Kernels.fast, .reference])
  @Compute func scaledTokensWithPositionsAndTypesMatchPyTorch(kernels: Kernels) throws {
    let f = try FamilyFixture.load().embedding
    let tape = Tape(recording: true, kernels: kernels)
    let tables = Tables(f)
    let x = tables.embed(f, on: tape)
    try goBack(tape, from: x, f.dy)
    expectClose(x.values, f.y, 1e-6, "x")
    expectClose(tables.words.gradient?.values ?? [], f.dtable, 1e-6, "dtable")
    expectClose(tables.positions.gradient?.values ?? [], f.dpositions, 1e-6, "dpositions")
    expectClose(tables.kinds.gradient?.values ?? [], f.dkinds, 1e-6, "dkinds")
  }

  @Test @Compute func frozenTablesRecordNothing() throws {
    let f = try FamilyFixture.load().embedding
    let tape = Tape(recording: true)
    let x = Tables(f, trains: false).embed(f, on: tape)
    #expect(tape.recordedSteps == 0 && !x.wantsGradient)
    expectClose(x.values, f.y, 1e-6, "x")
  }

  @Test @Compute func withoutAScaleRowsAreTheTablesOwnBits() {
    let values = floats(7 * 5, seed: 1)
    let table = FrozenTable(values, rows: 7, columns: 5, precision: .f32)
    let x = Tape(recording: false).embedded([6, 0], in: table)
    #expect(x.values == Array(values[30..<35]) + Array(values[0..<5]))
  }
}
