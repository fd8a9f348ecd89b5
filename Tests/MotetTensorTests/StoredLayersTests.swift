import Testing

@testable import MotetTensor

/// A layer as one operator, against the operators one by one: the same bits.
@Suite struct StoredLayersTests {
  private static let shape = AttentionShape(heads: 6, kvHeads: 2, headDimension: 32)
  private static let table = RotaryTable(positions: 256, headDimension: 32, theta: 10_000)
  private static let epsilon: Float = 1e-5

  /// What layers are made of.
  enum Mix: CaseIterable {
    /// Blocks of 32 of all types, and odd numbers of them.
    case blocks
    /// Groups of eight, as a file in Q4_K_M has them.
    case groups

    var hidden: Int { self == .blocks ? 160 : 256 }
    var width: Int { self == .blocks ? 96 : 512 }
  }

  @Compute private static func stored(
    _ parts: [(StoredBlocks.Kind, Int)], inputs: Int, seed: UInt64
  ) throws -> FrozenMatrix {
    try FrozenMatrix(
      stored: try parts.enumerated().map { index, part in
        let sample = try StoredMatrixTests.sample(
          part.0, outputs: part.1, inputs: inputs, seed: seed + UInt64(index))
        return StoredBlocks(kind: part.0, outputs: part.1, inputs: inputs, bytes: sample.bytes)
      })
  }

  /// Which steps layers have.
  enum Steps: CaseIterable {
    case llama
    /// Norms behind sublayers and of heads, a bias, a gate of another kind, a window, a softcap, two tables, scaled sums.
    case decorated
    /// Norms behind sublayers alone, and of all queries and all keys.
    case behind
  }

  /// A window of 7, heads' scores capped; the second table turns nothing.
  private static let decoratedRule = AttentionRule(shape, window: 7, scale: 0.3, softcap: 20)
  private static let tables = [table, RotaryTable(positions: 256, headDimension: 32, theta: 100), .none]

  @Compute private static func layer(
    _ mix: Mix = .blocks, _ steps: Steps, norms: Double = 1, seed: UInt64
  ) throws -> StoredLayers.Layer {
    var layer = try layer(mix, norms: norms, seed: seed)
    func vector(_ count: Int, _ number: UInt64) -> FrozenVector {
      FrozenVector(floats(count, seed: seed + number, scale: norms))
    }
    switch steps {
    case .llama: break
    case .decorated:
      layer.attentionAfter = vector(mix.hidden, 3)
      layer.feedForwardAfter = vector(mix.hidden, 4)
      (layer.queryNorm, layer.keyNorm) = (vector(32, 5), vector(32, 6))
      layer.bias = vector(shape.packedWidth, 7)
      layer.activation = .geluTanh
      layer.rule = seed % 200 == 0 ? decoratedRule : AttentionRule(shape, rotated: 0)
      layer.table = seed % 200 == 0 ? 1 : 2
      layer.residualScale = 0.7
    case .behind:
      (layer.attentionNorm, layer.feedForwardNorm) = (nil, nil)
      layer.attentionAfter = vector(mix.hidden, 3)
      layer.feedForwardAfter = vector(mix.hidden, 4)
      layer.queryNorm = vector(shape.heads * 32, 5)
      layer.keyNorm = vector(shape.kvHeads * 32, 6)
    }
    return layer
  }

  @Compute private static func layer(_ mix: Mix = .blocks, norms: Double = 1, seed: UInt64) throws
    -> StoredLayers.Layer
  {
    let (hidden, width) = (mix.hidden, mix.width)
    let queries = shape.queryWidth
    let keys = shape.kvHeads * shape.headDimension
    let isSingle = mix == .blocks
    return StoredLayers.Layer(
      attentionNorm: FrozenVector(floats(hidden, seed: seed + 1, scale: norms)),
      queryKeyValue: try stored(
        isSingle
          ? [(.q4_1, queries), (.q5_0, keys), (.q8_0, keys)]
          : [(.q4_K, queries), (.q3_K, keys), (.q6_K, keys)],
        inputs: hidden, seed: seed + 10), rule: AttentionRule(shape),
      attentionOutput: try stored([(isSingle ? .q4_0 : .iq4_NL, hidden)], inputs: queries, seed: seed + 30),
      feedForwardNorm: FrozenVector(floats(hidden, seed: seed + 2, scale: norms)),
      gateUp: try stored(
        isSingle ? [(.q4_1, width), (.q5_1, width)] : [(.q4_K, width), (.q5_K, width)], inputs: hidden,
        seed: seed + 50),
      down: try stored([(isSingle ? .q4_1 : .q6_K, hidden)], inputs: width, seed: seed + 70))
  }

  /// What adapters add to layers: to all matrices, one adapter to the first half of the rows and one to the last.
  private struct Added {
    /// By matrix, as operators take it.
    var separate: [ForwardTerms] = []
    var together: LayerTerms

    @Compute init(
      _ mix: Mix = .blocks, layers: Int, rows: Int, forms: [LowRankFactors.Form], seed: UInt64
    ) {
      let queries = StoredLayersTests.shape.queryWidth
      let (keys, hidden, width) = (64, mix.hidden, mix.width)
      typealias Site = (columns: Range<Int>, rank: Int)
      let matrices: [(inputs: Int, sites: [Site])] = [
        (hidden, [(0..<queries, 16), (queries + keys..<queries + 2 * keys, 5)]),
        (queries, [(0..<hidden, 40)]),
        (hidden, [(0..<width, 16), (width..<2 * width, 3)]), (width, [(0..<hidden, 16)]),
      ]
      let all = (0..<layers).flatMap { _ in matrices }
      let factors = forms.enumerated().map { place, form in
        var number = seed + UInt64(1000 * place)
        return LowRankFactors(
          all.flatMap { matrix in
            matrix.sites.map { columns, rank in
              number += 2
              return UpdateSample(
                loraA: floats(rank * matrix.inputs, seed: number, scale: 0.2),
                loraB: floats(columns.count * rank, seed: number + 1, scale: 0.2), rank: rank,
                inputs: matrix.inputs, outputs: columns.count, scale: 0.7)
            }
          }, as: form)
      }
      together = LayerTerms(of: factors)
      var site = 0
      for matrix in all {
        var terms = ForwardTerms()
        together.beginMatrix()
        for (columns, _) in matrix.sites {
          for (place, own) in factors.enumerated() {
            let carriers = place == 0 ? 0..<(rows + 1) / 2 : rows - 1..<rows
            terms.append(own, at: site, rows: carriers, columns: columns)
            together.append(own, at: site, rows: carriers, columns: columns)
          }
          site += 1
        }
        separate.append(terms)
      }
    }
  }

  /// The formula by operators.
  @Compute private func byOperators(
    _ layer: StoredLayers.Layer, _ index: Int, _ x: Tensor, adding terms: [ForwardTerms],
    _ spans: [SequenceSpan], _ positions: [Int32], on tape: Tape
  ) throws -> Tensor {
    func linear(
      _ x: Tensor, _ matrix: FrozenMatrix, _ place: Int, adding residual: Tensor? = nil
    ) throws -> Tensor {
      try tape.adaptedLinear(
        x, matrix, terms: [], forward: terms[4 * index + place], adding: residual)
    }
    func norm(_ x: Tensor, _ weight: FrozenVector?) -> Tensor {
      weight.map { tape.rmsNorm(x, weight: $0, epsilon: Self.epsilon) } ?? x
    }
    func added(_ input: Tensor, _ matrix: FrozenMatrix, _ place: Int, _ after: FrozenVector?, to x: Tensor)
      throws
      -> Tensor
    {
      if after == nil, layer.residualScale == 1 { return try linear(input, matrix, place, adding: x) }
      return tape.sum(x, norm(try linear(input, matrix, place), after), scale: layer.residualScale)
    }
    var qkv = try linear(norm(x, layer.attentionNorm), layer.queryKeyValue, 0)
    if let bias = layer.bias { qkv = tape.addingBias(qkv, bias) }
    let (queries, keys) = (Self.shape.heads * 32, Self.shape.kvHeads * 32)
    let norms = [(layer.queryNorm, 0..<queries), (layer.keyNorm, queries..<queries + keys)].compactMap {
      weight, columns in
      weight.map { GroupNorm(columns: columns, weight: $0, epsilon: Self.epsilon) }
    }
    if !norms.isEmpty { qkv = tape.rmsNormGroups(qkv, norms) }
    let found = tape.rotaryAttention(
      qkv, rule: layer.rule, sequences: spans, positions: positions, table: Self.tables[layer.table],
      layer: index)
    let h = try added(found, layer.attentionOutput, 1, layer.attentionAfter, to: x)
    let inner = norm(h, layer.feedForwardNorm)
    return try added(
      tape.gated(try linear(inner, layer.gateUp, 2), layer.activation), layer.down, 3, layer.feedForwardAfter,
      to: h)
  }

  @Compute private func whole(
    _ layers: [StoredLayers.Layer], _ x: Tensor, adding terms: LayerTerms, _ spans: [SequenceSpan],
    _ positions: [Int32]
  ) throws -> Tensor {
    let made = try #require(
      StoredLayers(
        layers, following: layers[0].queryKeyValue, shape: Self.shape, epsilon: Self.epsilon))
    return made.forward(
      x, depth: layers.count, adding: terms, sequences: spans, positions: positions, tables: Self.tables,
      on: Tape(recording: false, storage: .bf16, kernels: .fast))
  }

  /// Passes of several sequences one after the other, through two layers.
  @Test(
    arguments: [[], [LowRankFactors.Form.bf16], [.int8], [.int4], [.int4, .bf16]],
    [
      (Mix.blocks, ActivationStorage.f32, Steps.llama), (.blocks, .bf16, .llama), (.groups, .bf16, .llama),
      (.blocks, .f32, .decorated), (.groups, .bf16, .decorated), (.blocks, .bf16, .behind),
    ])
  @Compute func isWhatItsOperatorsAre(
    forms: [LowRankFactors.Form], made: (mix: Mix, storage: ActivationStorage, steps: Steps)
  ) throws {
    let (mix, storage, steps) = made
    let pool = KeyValuePool(layers: 2, shape: Self.shape, storage: storage)
    // Of each pass, the rows of each sequence: more than one block of queries has, too.
    let passes = [
      [5, 1, 19], [1, 1, 1], [1, 1, 30], [8, 0, 0], [1, 0, 0], [0, 1, 1], [2, 2, 4], [24, 2, 6],
    ]
    let caches = (0..<6).map { _ in KeyValueCache(in: pool) }
    let layers = try [100, 200].map { try Self.layer(mix, steps, seed: $0) }
    var starts = [0, 0, 0]
    for (number, sizes) in passes.enumerated() {
      let rows = sizes.reduce(0, +)
      let added = Added(mix, layers: 2, rows: rows, forms: forms, seed: UInt64(10_000 * number))
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
      let values = floats(rows * mix.hidden, seed: UInt64(number), scale: 2)
      let x = Tensor(rows: rows, columns: mix.hidden, values)
      let tape = Tape(recording: false, storage: .bf16, kernels: .fast)
      var expected = x
      for (index, layer) in layers.enumerated() {
        expected = try byOperators(
          layer, index, expected, adding: added.separate, spans(caches[3...]), positions, on: tape)
      }
      let found = try whole(layers, x, adding: added.together, spans(caches[..<3]), positions)
      let isSame = found.values == expected.values
      #expect(isSame, "pass \(number)")
      let isLeft = x.values == values
      #expect(isLeft, "what goes in is left alone")
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
  @Test(arguments: Mix.allCases) @Compute func aRowIsTheSameAloneAndAmongOthers(mix: Mix) throws {
    let pool = KeyValuePool(layers: 1, shape: Self.shape, storage: .bf16)
    let layer = try Self.layer(mix, seed: 7)
    let none = Added(mix, layers: 1, rows: 1, forms: [], seed: 0).together
    let values = floats(9 * mix.hidden, seed: 8)
    let spans = (0..<9).map { SequenceSpan(rows: $0..<$0 + 1, cache: KeyValueCache(in: pool)) }
    let together = try whole(
      [layer], Tensor(rows: 9, columns: mix.hidden, values), adding: none, spans,
      [Int32](repeating: 0, count: 9))
    for row in 0..<9 {
      let own = Array(values[row * mix.hidden..<(row + 1) * mix.hidden])
      let alone = try whole(
        [layer], Tensor(rows: 1, columns: mix.hidden, own), adding: none,
        [SequenceSpan(rows: 0..<1, cache: KeyValueCache(in: pool))], [0])
      let isSame = alone.values == Array(together.values[row * mix.hidden..<(row + 1) * mix.hidden])
      #expect(isSame, "row \(row)")
    }
  }

  /// Against plain loops in f32 over the matrices' values: nothing is off but by the rounding of rows to 8 bits. Norms
  /// are small, so that no softmax makes more of it.
  @Test(arguments: Mix.allCases, Steps.allCases) @Compute func isCloseToPlainLoops(mix: Mix, steps: Steps)
    throws
  {
    let layer = try Self.layer(mix, steps, norms: 0.05, seed: 3)
    let added = Added(mix, layers: 1, rows: 4, forms: [.bf16], seed: 5)
    let pool = KeyValuePool(layers: 1, shape: Self.shape, storage: .f32)
    let x = Tensor(rows: 4, columns: mix.hidden, floats(4 * mix.hidden, seed: 4))
    func spans() -> [SequenceSpan] { [SequenceSpan(rows: 0..<4, cache: KeyValueCache(in: pool))] }
    let found = try whole([layer], x, adding: added.together, spans(), [0, 1, 2, 3])
    let expected = try byOperators(
      layer, 0, x, adding: added.separate, spans(), [0, 1, 2, 3],
      on: Tape(recording: false, kernels: .reference))
    func change(_ y: Tensor) -> [Float] { zip(y.values, x.values).map { $0 - $1 } }
    // Rows that are not normed before they are rounded have larger values among them, so coarser steps.
    expectClose(change(found), change(expected), steps == .behind ? 0.04 : 0.02, "layer")
  }

  /// What it is not for goes by operators.
  @Test @Compute func isNotForOtherPasses() throws {
    let pool = KeyValuePool(layers: 1, shape: Self.shape, storage: .bf16)
    let layer = try Self.layer(seed: 1)
    let layers = try #require(
      StoredLayers([layer], following: nil, shape: Self.shape, epsilon: Self.epsilon))
    func takes(_ tape: Tape, rows: Int = 1, cached: Bool = true) -> Bool {
      layers.takes(
        rows, [SequenceSpan(rows: 0..<rows, cache: cached ? KeyValueCache(in: pool) : nil)], on: tape)
    }
    func tape(recording: Bool = false, storage: ActivationStorage = .bf16, kernels: Kernels = .fast) -> Tape {
      Tape(recording: recording, storage: storage, kernels: kernels)
    }
    #expect(takes(tape()) && takes(tape(), rows: StoredLayers.mostRows))
    #expect(!takes(tape(), rows: StoredLayers.mostRows + 1) && !takes(tape(), cached: false))
    #expect(!takes(tape(recording: true)) && !takes(tape(storage: .f32)))
    #expect(!takes(tape(kernels: .reference)))
    let separate = tape()
    separate.joinsOperators = false
    #expect(!takes(separate))
    let observed = tape()
    observed.inputObserver = { _, _ in }
    #expect(!takes(observed))
    let profiled = tape()
    profiled.profile = OperatorProfile()
    #expect(!takes(profiled))
    let other = try FrozenMatrix(
      layer.down.floats(), outputs: Mix.blocks.hidden, inputs: Mix.blocks.width, precision: .f32)
    var mixed = layer
    mixed.down = other
    #expect(
      StoredLayers([layer, mixed], following: nil, shape: Self.shape, epsilon: Self.epsilon) == nil)
    // A gate that ends within a panel.
    var uneven = layer
    uneven.gateUp = try Self.stored([(.q4_1, 48), (.q4_1, 144)], inputs: Mix.blocks.hidden, seed: 9)
    #expect(StoredLayers([uneven], following: nil, shape: Self.shape, epsilon: Self.epsilon) == nil)
  }
}
