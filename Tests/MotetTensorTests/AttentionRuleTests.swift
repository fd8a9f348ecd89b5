import Testing

@testable import MotetTensor

/// Attention by rules other than Llama's: windows, both sides, softcaps, scales, heads that are rotated in part.
@Suite struct AttentionRuleTests {
  /// Frequencies as families have them, for any number of pairs.
  static func table(_ rule: AttentionRule, positions: Int = 640) -> RotaryTable {
    RotaryTable(
      positions: positions, frequencies: (0..<rule.rotated / 2).map { 1 / Float(1 + 3 * $0 * $0) })
  }

  @Compute func run(
    _ rule: AttentionRule, _ lengths: [Int], _ kernels: Kernels, storage: ActivationStorage = .f32
  ) throws -> (y: [Float], dx: [Float]) {
    let (spans, positions) = packed(lengths)
    let tape = Tape(recording: true, storage: storage, kernels: kernels)
    let width = rule.shape.packedWidth
    let x = tensor(positions.count, width, floats(positions.count * width, seed: 1, scale: 2))
    let y = tape.rotaryAttention(
      x, rule: rule, sequences: spans, positions: positions, table: Self.table(rule), layer: 0)
    try goBack(tape, from: y, floats(y.count, seed: 2))
    return (y.values, x.gradientValue?.values ?? [])
  }

  @Test(arguments: [Kernels.fast, .reference])
  @Compute func matchesPyTorch(kernels: Kernels) throws {
    for f in try FamilyFixture.load().attention {
      let tape = Tape(recording: true, kernels: kernels)
      let (spans, positions) = packed(f.lengths)
      let x = tensor(positions.count, f.rule.shape.packedWidth, f.x)
      let y = tape.rotaryAttention(
        x, rule: f.rule, sequences: spans, positions: positions,
        table: RotaryTable(positions: 64, frequencies: f.frequencies, factor: f.factor), layer: 0)
      try goBack(tape, from: y, f.dy)
      expectClose(y.values, f.y, 1e-5, "\(f.name): y")
      expectClose(x.gradientValue?.values ?? [], f.dx, 1e-5, "\(f.name): dx")
    }
  }

  /// A rule of each kind.
  static func rules(_ shape: AttentionShape, window: Int) -> [AttentionRule] {
    [
      AttentionRule(shape, window: window), AttentionRule(shape, isCausal: false),
      AttentionRule(shape, isCausal: false, window: window, scale: 0.3),
      AttentionRule(shape, window: window, softcap: 5, rotated: shape.headDimension / 4 * 2),
      AttentionRule(shape, isCausal: false, window: window, softcap: 2, rotated: 0),
      AttentionRule(shape, scale: 0.25, softcap: 30),
    ]
  }

  /// Head sizes and grouping of real families, lengths and windows that end within blocks and at their ends.
  @Test(arguments: [
    (12, 12, 32, 5, [1, 40]), (2, 1, 48, 128, [140, 33]), (3, 3, 64, 32, [200]), (2, 2, 80, 33, [100]),
    (2, 1, 96, 1, [35]), (4, 2, 128, 2, [66, 1]), (4, 1, 256, 127, [129]), (3, 1, 18, 7, [31, 32, 33, 1]),
    (1, 1, 2, 96, [300]),
  ])
  @Compute func fastPathMatchesReference(
    heads: Int, kvHeads: Int, dimension: Int, window: Int, lengths: [Int]
  ) throws {
    let shape = AttentionShape(heads: heads, kvHeads: kvHeads, headDimension: dimension)
    for (index, rule) in Self.rules(shape, window: window).enumerated() {
      let fast = try run(rule, lengths, .fast)
      let plain = try run(rule, lengths, .reference)
      expectClose(fast.y, plain.y, 1e-5, "rule \(index): y")
      expectClose(fast.dx, plain.dx, 1e-5, "rule \(index): dx")
    }
  }

  @Test @Compute func narrowActivationsDifferByRounding() throws {
    let shape = AttentionShape(heads: 4, kvHeads: 2, headDimension: 32)
    for (index, rule) in Self.rules(shape, window: 20).enumerated() {
      let wide = try run(rule, [70, 3], .fast)
      let narrow = try run(rule, [70, 3], .fast, storage: .bf16)
      expectClose(narrow.y, wide.y, 0.01, "rule \(index): y")
      expectClose(narrow.dx, wide.dx, 0.02, "rule \(index): dx")
      #expect(narrow.y != wide.y && narrow.dx != wide.dx)
    }
  }

  @Test func aRuleIsPlainWhereItIsLlamas() {
    let shape = AttentionShape(heads: 4, kvHeads: 2, headDimension: 64)
    #expect(AttentionRule(shape).isPlain(reach: 1000))
    #expect(AttentionRule(shape, scale: 3).isPlain(reach: 1000))
    #expect(AttentionRule(shape, window: 1000).isPlain(reach: 1000))
    #expect(!AttentionRule(shape, window: 999).isPlain(reach: 1000))
    #expect(!AttentionRule(shape, isCausal: false).isPlain(reach: 1))
    #expect(!AttentionRule(shape, softcap: 50).isPlain(reach: 1))
    #expect(!AttentionRule(shape, rotated: 32).isPlain(reach: 1))
    #expect(AttentionRule(shape).scale == 0.125)
  }

  @Test(arguments: [ActivationStorage.f32, .bf16])
  @Compute func aWindowAsLongAsTheSequenceTakesNothingAway(storage: ActivationStorage) throws {
    let shape = AttentionShape(heads: 4, kvHeads: 2, headDimension: 32)
    let plain = try run(AttentionRule(shape), [150, 40], .fast, storage: storage)
    for window in [150, 151, .max] {
      let wide = try run(AttentionRule(shape, window: window), [150, 40], .fast, storage: storage)
      let isSame = wide.y == plain.y && wide.dx == plain.dx
      #expect(isSame, "window \(window)")
    }
    let narrow = try run(AttentionRule(shape, window: 149), [150, 40], .fast, storage: storage)
    #expect(narrow.y != plain.y)
  }

  @Test @Compute func aHugeCapTakesNothingAway() throws {
    let shape = AttentionShape(heads: 2, kvHeads: 1, headDimension: 16)
    let plain = try run(AttentionRule(shape), [50], .fast)
    let capped = try run(AttentionRule(shape, softcap: 1e5), [50], .fast)
    expectClose(capped.y, plain.y, 2e-6, "y")
    expectClose(capped.dx, plain.dx, 4e-6, "dx")
  }

  /// What no query of a block sees is not even read.
  @Test @Compute func whatTheWindowLeavesOutIsNotRead() {
    let shape = AttentionShape(heads: 2, kvHeads: 1, headDimension: 16)
    var values = floats(300 * shape.packedWidth, seed: 3)
    for index in 0..<90 * shape.packedWidth { values[index] = .nan }
    let tape = Tape(recording: false, kernels: .fast)
    for rule in [AttentionRule(shape, window: 40), AttentionRule(shape, isCausal: false, window: 80)] {
      let y = tape.rotaryAttention(
        tensor(300, shape.packedWidth, values), rule: rule, sequences: [SequenceSpan(rows: 0..<300)],
        positions: (0..<300).map(Int32.init), table: Self.table(rule), layer: 0)
      #expect(y.slice(0..<90, columns: 0..<1).allSatisfy { $0.isNaN })
      #expect(y.slice(192..<300, columns: 0..<shape.queryWidth).allSatisfy { $0.isFinite })
    }
  }

  @Test func aTableOfFrequenciesIsThatOfTheirTheta() {
    let whole = RotaryTable(positions: 30, headDimension: 8, theta: 500)
    let frequencies = (0..<4).map { Float(1 / (500.0).squareRoot().squareRoot().power($0)) }
    let parts = RotaryTable(positions: 30, frequencies: frequencies)
    expectClose(parts.cosines, whole.cosines, 1e-6, "cosines")
    expectClose(parts.sines, whole.sines, 1e-6, "sines")
    let scaled = RotaryTable(positions: 30, frequencies: frequencies, factor: 1.5)
    #expect(scaled.sines == parts.sines.map { $0 * 1.5 } && scaled.cosines == parts.cosines.map { $0 * 1.5 })
  }
}

extension Double {
  fileprivate func power(_ exponent: Int) -> Double {
    (0..<exponent).reduce(1) { product, _ in product * self }
  }
}
