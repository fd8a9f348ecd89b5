import Testing

@testable import MotetTensor

/// A layer as one operator, against the operators one by one: the same bits.
@Suite struct StoredLayersTests {
  private static let shape = AttentionShape(heads: 6, kvHeads: 2, headDimension: 32)
  private static let table = RotaryTable(positions: 256, headDimension: 32, theta: 10_000)
  private static let (hidden, width) = (160, 96)
  private static let epsilon: Float = 1e-5

  @Compute private static func stored(
    _ parts: [(StoredBlocks.Kind, Int)], inputs: Int, seed: UInt64
  ) throws -> FrozenMatrix {
    try FrozenMatrix(
      stored: parts.enumerated().map { index, part in
        let sample = StoredMatrixTests.sample(
          part.0, outputs: part.1, inputs: inputs, seed: seed + UInt64(index))
        return StoredBlocks(kind: part.0, outputs: part.1, inputs: inputs, bytes: sample.bytes)
      })
  }

  /// What adapters add: two of different rows on some sites, and none where nobody carries one.
  @Compute private static func terms(
    _ sites: [(columns: Range<Int>, rank: Int)], inputs: Int, rows: Int, form: LowRankFactors.Form?,
    seed: UInt64
  ) -> ForwardTerms {
    var terms = ForwardTerms()
    guard let form else { return terms }
    let factors = LowRankFactors(
      sites.enumerated().map { index, site in
        UpdateSample(
          loraA: floats(site.rank * inputs, seed: seed + UInt64(index), scale: 0.2),
          loraB: floats(site.columns.count * site.rank, seed: seed + 50 + UInt64(index), scale: 0.2),
          rank: site.rank, inputs: inputs, outputs: site.columns.count, scale: 0.7)
      }, as: form)
    for index in sites.indices {
      terms.append(factors, at: index, rows: 0..<(rows + 1) / 2, columns: sites[index].columns)
      terms.append(factors, at: index, rows: rows - 1..<rows, columns: sites[index].columns)
    }
    return terms
  }

  @Compute private static func layer(
    rows: Int, form: LowRankFactors.Form?, narrow: Bool = false, norms: Double = 1, seed: UInt64
  ) throws -> StoredLayers.Layer {
    let queries = shape.heads * shape.headDimension
    let keys = shape.kvHeads * shape.headDimension
    let other: LowRankFactors.Form? = narrow && form != nil ? .bf16 : form
    return StoredLayers.Layer(
      attentionNorm: FrozenVector(floats(hidden, seed: seed + 1, scale: norms)),
      queryKeyValue: .init(
        try stored([(.q4_1, queries), (.q5_0, keys), (.q8_0, keys)], inputs: hidden, seed: seed + 10),
        terms(
          [(0..<queries, 16), (queries + keys..<queries + 2 * keys, 5)], inputs: hidden, rows: rows,
          form: form,
          seed: seed + 20)),
      attentionOutput: .init(
        try stored([(.q4_0, hidden)], inputs: queries, seed: seed + 30),
        terms([(0..<hidden, 40)], inputs: queries, rows: rows, form: other, seed: seed + 40)),
      feedForwardNorm: FrozenVector(floats(hidden, seed: seed + 2, scale: norms)),
      gateUp: .init(
        try stored([(.q4_1, width), (.q5_1, width)], inputs: hidden, seed: seed + 50),
        terms(
          [(0..<width, 16), (width..<2 * width, 3)], inputs: hidden, rows: rows, form: form, seed: seed + 60)),
      down: .init(
        try stored([(.q4_1, hidden)], inputs: width, seed: seed + 70),
        terms([(0..<hidden, 16)], inputs: width, rows: rows, form: other, seed: seed + 80)))
  }

  /// The formula by operators.
  @Compute private func byOperators(
    _ layer: StoredLayers.Layer, _ index: Int, _ x: Tensor, _ spans: [SequenceSpan], _ positions: [Int32]
  ) throws -> Tensor {
    let tape = Tape(recording: false, storage: .bf16, kernels: .fast)
    func linear(_ x: Tensor, _ part: StoredLayers.Adapted, adding residual: Tensor? = nil) throws -> Tensor {
      try tape.adaptedLinear(x, part.matrix, terms: [], forward: part.terms, adding: residual)
    }
    let normed = tape.rmsNorm(x, weight: layer.attentionNorm, epsilon: Self.epsilon)
    let found = tape.rotaryAttention(
      try linear(normed, layer.queryKeyValue), shape: Self.shape, sequences: spans, positions: positions,
      table: Self.table, layer: index)
    let h = try linear(found, layer.attentionOutput, adding: x)
    let inner = tape.rmsNorm(h, weight: layer.feedForwardNorm, epsilon: Self.epsilon)
    return try linear(tape.swiglu(try linear(inner, layer.gateUp)), layer.down, adding: h)
  }

  @Compute private func whole(
    _ layers: [StoredLayers.Layer], _ x: Tensor, _ spans: [SequenceSpan], _ positions: [Int32],
    kernels: Kernels = .fast
  ) -> Tensor? {
    let tape = Tape(recording: false, storage: .bf16, kernels: kernels)
    guard
      let pass = StoredLayers(
        on: tape, shape: Self.shape, sequences: spans, positions: positions, table: Self.table,
        epsilon: Self.epsilon)
    else { return nil }
    var x = x
    for (index, layer) in layers.enumerated() {
      let next = index + 1 < layers.count ? layers[index + 1].queryKeyValue.matrix : nil
      guard let y = pass.run(layer, index, x, following: next) else { return nil }
      x = y
    }
    return x
  }

  /// Passes of several sequences one after the other, through two layers.
  @Test(arguments: [nil, LowRankFactors.Form.bf16, .int8, .int4], [ActivationStorage.f32, .bf16])
  @Compute func isWhatItsOperatorsAre(form: LowRankFactors.Form?, storage: ActivationStorage) throws {
    let pool = KeyValuePool(layers: 2, shape: Self.shape, storage: storage)
    // Of each pass, the rows of each sequence: more than one block of queries has, too.
    let passes = [
      [5, 1, 19], [1, 1, 1], [1, 1, 30], [8, 0, 0], [1, 0, 0], [0, 1, 1], [2, 2, 4], [24, 2, 6],
    ]
    let caches = (0..<6).map { _ in KeyValueCache(in: pool) }
    var starts = [0, 0, 0]
    for (number, sizes) in passes.enumerated() {
      let rows = sizes.reduce(0, +)
      let layers = try [1, 2].map {
        try Self.layer(
          rows: rows, form: form, narrow: number % 2 == 1, seed: UInt64(1000 * number + 100 * $0))
      }
      func spans(_ own: ArraySlice<KeyValueCache>) -> [SequenceSpan] {
        var first = 0
        return sizes.indices.compactMap { index in
          guard sizes[index] > 0 else { return nil }
          defer { first += sizes[index] }
          return SequenceSpan(
            rows: first..<first + sizes[index], start: starts[index], cache: own[own.startIndex + index])
        }
      }
      let positions = sizes.indices.flatMap { (starts[$0]..<starts[$0] + sizes[$0]).map(Int32.init) }
      let values = floats(rows * Self.hidden, seed: UInt64(number), scale: 2)
      let x = Tensor(rows: rows, columns: Self.hidden, values)
      var expected = x
      for (index, layer) in layers.enumerated() {
        expected = try byOperators(layer, index, expected, spans(caches[3...]), positions)
      }
      let found = try #require(whole(layers, x, spans(caches[..<3]), positions))
      let isSame = found.values == expected.values
      #expect(isSame, "pass \(number)")
      #expect(x.values == values, "what goes in is left alone")
      for index in sizes.indices { starts[index] += sizes[index] }
    }
    for index in starts.indices {
      for layer in 0..<2 {
        let own = caches[index].rows(ofLayer: layer, count: starts[index])
        let other = caches[3 + index].rows(ofLayer: layer, count: starts[index])
        let isSame = own.keys == other.keys && own.values == other.values
        #expect(isSame, "keys and values of sequence \(index)")
      }
    }
  }

  /// A row's bits are its own, whatever rows come with it.
  @Test @Compute func aRowIsTheSameAloneAndAmongOthers() throws {
    let pool = KeyValuePool(layers: 1, shape: Self.shape, storage: .bf16)
    let layer = try Self.layer(rows: 9, form: nil, seed: 7)
    let values = floats(9 * Self.hidden, seed: 8)
    let spans = (0..<9).map { SequenceSpan(rows: $0..<$0 + 1, cache: KeyValueCache(in: pool)) }
    let together = try #require(
      whole([layer], Tensor(rows: 9, columns: Self.hidden, values), spans, [Int32](repeating: 0, count: 9)))
    for row in 0..<9 {
      let own = Array(values[row * Self.hidden..<(row + 1) * Self.hidden])
      let alone = try #require(
        whole(
          [layer], Tensor(rows: 1, columns: Self.hidden, own),
          [SequenceSpan(rows: 0..<1, cache: KeyValueCache(in: pool))], [0]))
      let isSame = alone.values == Array(together.values[row * Self.hidden..<(row + 1) * Self.hidden])
      #expect(isSame, "row \(row)")
    }
  }

  /// Against plain loops in f32 over the matrices' values: nothing is off but by the rounding of rows to 8 bits. Norms
  /// are small, so that no softmax makes more of it.
  @Test @Compute func isCloseToPlainLoops() throws {
    let layer = try Self.layer(rows: 4, form: .bf16, norms: 0.05, seed: 3)
    let pool = KeyValuePool(layers: 1, shape: Self.shape, storage: .f32)
    let x = Tensor(rows: 4, columns: Self.hidden, floats(4 * Self.hidden, seed: 4))
    func spans() -> [SequenceSpan] { [SequenceSpan(rows: 0..<4, cache: KeyValueCache(in: pool))] }
    let found = try #require(whole([layer], x, spans(), [0, 1, 2, 3]))
    let tape = Tape(recording: false, kernels: .reference)
    func linear(_ x: Tensor, _ part: StoredLayers.Adapted, adding residual: Tensor? = nil) throws -> Tensor {
      try tape.adaptedLinear(x, part.matrix, terms: [], forward: part.terms, adding: residual)
    }
    let attended = tape.rotaryAttention(
      try linear(tape.rmsNorm(x, weight: layer.attentionNorm, epsilon: Self.epsilon), layer.queryKeyValue),
      shape: Self.shape, sequences: spans(), positions: [0, 1, 2, 3], table: Self.table, layer: 0)
    let h = try linear(attended, layer.attentionOutput, adding: x)
    let inner = try linear(
      tape.rmsNorm(h, weight: layer.feedForwardNorm, epsilon: Self.epsilon), layer.gateUp)
    let y = try linear(tape.swiglu(inner), layer.down, adding: h)
    func added(_ y: Tensor) -> [Float] { zip(y.values, x.values).map { $0 - $1 } }
    expectClose(added(found), added(y), 0.02, "layer")
  }

  /// What it is not for goes by operators.
  @Test @Compute func isNotForOtherPasses() throws {
    let pool = KeyValuePool(layers: 1, shape: Self.shape, storage: .bf16)
    func pass(_ tape: Tape, rows: Int = 1, cached: Bool = true) -> StoredLayers? {
      StoredLayers(
        on: tape, shape: Self.shape,
        sequences: [SequenceSpan(rows: 0..<rows, cache: cached ? KeyValueCache(in: pool) : nil)],
        positions: (0..<Int32(rows)).map { $0 }, table: Self.table, epsilon: Self.epsilon)
    }
    func tape(recording: Bool = false, storage: ActivationStorage = .bf16, kernels: Kernels = .fast) -> Tape {
      Tape(recording: recording, storage: storage, kernels: kernels)
    }
    #expect(pass(tape()) != nil && pass(tape(), rows: StoredLayers.mostRows) != nil)
    #expect(pass(tape(), rows: StoredLayers.mostRows + 1) == nil)
    #expect(pass(tape(), cached: false) == nil)
    #expect(pass(tape(recording: true)) == nil && pass(tape(storage: .f32)) == nil)
    #expect(pass(tape(kernels: .reference)) == nil)
    let separate = tape()
    separate.joinsOperators = false
    #expect(pass(separate) == nil)
    let observed = tape()
    observed.inputObserver = { _, _ in }
    #expect(pass(observed) == nil)
    let profiled = tape()
    profiled.profile = OperatorProfile()
    #expect(pass(profiled) == nil)
  }
}
