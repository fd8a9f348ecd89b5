import Testing

@testable import MotetTensor

@Suite struct RMSNormGroupsTests {
  private struct Run {
    var y, dx: [Float]
    var dweights: [[Float]]
  }

  @Compute private func run(
    _ x: [Float], columns: Int, norms: [(columns: Range<Int>, weight: [Float])], dy: [Float],
    _ kernels: Kernels, storage: ActivationStorage = .f32
  ) throws -> Run {
    let tape = Tape(recording: true, storage: storage, kernels: kernels)
    let input = tensor(x.count / columns, columns, x)
    let trained = norms.map { Parameter(rows: 1, columns: $0.weight.count, $0.weight, trainable: true) }
    let y = tape.rmsNormGroups(
      input,
      zip(norms, trained).map {
        GroupNorm(columns: $0.columns, weight: FrozenVector($0.weight), epsilon: 1e-6, trained: $1)
      })
    let values = y.values
    try goBack(tape, from: y, dy)
    return Run(
      y: values, dx: input.gradientValue?.values ?? [], dweights: trained.map { $0.gradient?.values ?? [] })
  }

  @Test(arguments: [Kernels.fast, .reference])
  @Compute func matchesPyTorch(kernels: Kernels) throws {
    for f in try FamilyFixture.load().normGroups {
      let made = try run(
        f.x, columns: f.columns, norms: f.norms.map { ($0.columns[0]..<$0.columns[1], $0.weight) }, dy: f.dy,
        kernels)
      expectClose(made.y, f.y, 2e-6, "y")
      expectClose(made.dx, f.dx, 3e-6, "dx")
      for (gradient, norm) in zip(made.dweights, f.norms) {
        expectClose(gradient, norm.dweight, 2e-6, "dw")
      }
    }
  }

  /// Groups that end within vectors, and columns between and behind the norms.
  @Test(arguments: [(1, 5, 3), (3, 16, 1), (20, 33, 2), (70, 64, 12), (2, 256, 4)])
  @Compute func fastPathMatchesReference(rows: Int, width: Int, groups: Int) throws {
    let columns = 1 + width * (groups + 1) + 7
    let x = floats(rows * columns, seed: 1, scale: 4)
    let norms = [
      (1..<1 + width * groups, floats(width, seed: 2)),
      (columns - width - 3..<columns - 3, floats(width, seed: 3)),
    ]
    let dy = floats(rows * columns, seed: 4)
    let both = try [Kernels.fast, .reference].map { try run(x, columns: columns, norms: norms, dy: dy, $0) }
    expectClose(both[0].y, both[1].y, 2e-6, "y")
    expectClose(both[0].dx, both[1].dx, 4e-6, "dx")
    for (fast, plain) in zip(both[0].dweights, both[1].dweights) { expectClose(fast, plain, 4e-6, "dw") }
    let narrow = try run(x, columns: columns, norms: norms, dy: dy, .fast, storage: .bf16)
    #expect(narrow.y == both[0].y && narrow.dx != both[0].dx)
    expectClose(narrow.dx, both[0].dx, 0.01, "dx in bf16")
  }

  @Test @Compute func otherColumnsAndTheirGradientsPass() throws {
    let x = floats(4 * 10, seed: 1)
    let dy = floats(4 * 10, seed: 2)
    let made = try run(x, columns: 10, norms: [(2..<6, [1, 2])], dy: dy, .fast)
    for index in x.indices where !(2..<6).contains(index % 10) {
      #expect(made.y[index] == x[index] && made.dx[index] == dy[index])
    }
  }

  /// Queries and keys of each head normed, then the rows of a prefix put before them, as families with both have it.
  @Test @Compute func rowsThatAreInsertedAfterItAreNotNormed() throws {
    let shape = AttentionShape(heads: 4, kvHeads: 2, headDimension: 8)
    let rule = AttentionRule(shape, window: 6)
    let x = floats(9 * shape.packedWidth, seed: 1, scale: 2)
    let prefix = floats(3 * 2 * shape.kvWidth, seed: 2, scale: 2)
    func pass(_ kernels: Kernels, storage: ActivationStorage = .f32) throws -> [[Float]] {
      let tape = Tape(recording: true, storage: storage, kernels: kernels)
      let input = tensor(9, shape.packedWidth, x)
      let values = Parameter(rows: 3, columns: 2 * shape.kvWidth, prefix, trainable: true)
      let weight = Parameter(rows: 1, columns: 8, floats(8, seed: 3), trainable: true)
      let normed = tape.rmsNormGroups(
        input,
        [
          GroupNorm(
            columns: 0..<shape.queryWidth, weight: FrozenVector(weight.values.values), epsilon: 1e-6,
            trained: weight),
          GroupNorm(
            columns: shape.queryWidth..<shape.queryWidth + shape.kvWidth,
            weight: FrozenVector(floats(8, seed: 4)), epsilon: 1e-6),
        ])
      let whole = tape.inserting(
        [
          RowInsertion(place: 0, values: values, source: 0..<2 * shape.kvWidth, column: shape.queryWidth)
        ], into: normed)
      let found = tape.rotaryAttention(
        whole, rule: rule, sequences: [SequenceSpan(rows: 0..<12)], positions: (0..<12).map(Int32.init),
        table: AttentionRuleTests.table(rule), layer: 0)
      let y = tape.dropping([0..<3], from: found)
      try goBack(tape, from: y, floats(y.count, seed: 5))
      return [
        y.values, input.gradientValue?.values ?? [], values.gradient?.values ?? [],
        weight.gradient?.values ?? [],
      ]
    }
    let plain = try pass(.reference)
    for (name, (a, b)) in zip(["y", "dx", "dprefix", "dw"], zip(try pass(.fast), plain)) {
      expectClose(a, b, 1e-5, name)
    }
    for (name, (a, b)) in zip(["y", "dx", "dprefix", "dw"], zip(try pass(.fast, storage: .bf16), plain)) {
      expectClose(a, b, 0.03, "\(name) in bf16")
    }
  }

  @Test @Compute func withoutARecordingItIsTheSameTensor() {
    let x = tensor(2, 4, [1, 2, 3, 4, 5, 6, 7, 8])
    let y = Tape(recording: false).rmsNormGroups(
      x, [GroupNorm(columns: 0..<4, weight: FrozenVector([1, 1]), epsilon: 0)])
    #expect(y === x)
    expectClose(
      x.values, Reference.rmsNorm([1, 2, 3, 4, 5, 6, 7, 8], weight: [1, 1], epsilon: 0, columns: 2), 1e-6, "y"
    )
  }
}
