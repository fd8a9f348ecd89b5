import MotetTensor

/// One row of a pass through the model: a sequence, or the next tokens of one, with the mix it carries.
public struct BatchRow {
  public var tokens: [Int32]
  public var mix: BoundMix
  /// The position of its first token, counted without the virtual tokens of its mix: those come before the row that
  /// starts at 0.
  public var start: Int
  /// Keys and values of what came before, and the place for those of these tokens.
  public var cache: KeyValueCache?
  /// Draws the dropout of adapters that train; nil outside training.
  public var dropoutSeed: UInt64?

  public init(
    tokens: [Int32], mix: BoundMix, start: Int = 0, cache: KeyValueCache? = nil, dropoutSeed: UInt64? = nil
  ) {
    self.tokens = tokens
    self.mix = mix
    self.start = start
    self.cache = cache
    self.dropoutSeed = dropoutSeed
  }
}

/// Rows packed end to end, without padding, and the runs of them that carry one mix.
struct PackedBatch {
  let tokens: [Int32]
  /// Runs of the rows that go through the layers: the tokens, and those of soft prompts among them.
  let segments: [Segment]
  /// As attention sees them: with the rows of prefixes too.
  let sequences: [SequenceSpan]
  let positions: [Int32]
  /// Of the rows in the layers: without those of prefixes.
  let layerPositions: [Int32]
  let virtual: VirtualRows

  struct Segment {
    var rows: Range<Int>
    let mix: BoundMix
    /// For rows that train with dropout, how many tokens each has, and its seed.
    var dropout: [(rows: Int, seed: UInt64)]
  }

  @Compute
  init(_ rows: [BatchRow]) {
    var tokens: [Int32] = []
    var positions: [Int32] = []
    var layerPositions: [Int32] = []
    var sequences: [SequenceSpan] = []
    var segments: [Segment] = []
    var virtual = VirtualRows()
    var layerRows = 0
    for row in rows {
      let (inLayers, inAttention) = virtual.begin(row, at: tokens.count, inLayers: layerRows)
      tokens += row.tokens
      let range = layerRows..<layerRows + inLayers + row.tokens.count
      layerRows = range.upperBound
      let end = row.mix.virtualTokens + row.start + row.tokens.count
      let attended = inLayers + inAttention + row.tokens.count
      sequences.append(
        SequenceSpan(
          rows: positions.count..<positions.count + attended, start: end - attended, cache: row.cache))
      // A prefix is not rotated, which is what position 0 means.
      positions += [Int32](repeating: 0, count: inAttention)
      positions += (end - attended + inAttention..<end).map(Int32.init)
      layerPositions += (end - attended + inAttention..<end).map(Int32.init)
      let dropout = row.dropoutSeed.map { [(rows: range.count, seed: $0)] } ?? []
      if let last = segments.last, last.mix === row.mix, last.dropout.isEmpty == dropout.isEmpty {
        segments[segments.count - 1].rows = last.rows.lowerBound..<range.upperBound
        segments[segments.count - 1].dropout += dropout
      } else {
        segments.append(Segment(rows: range, mix: row.mix, dropout: dropout))
      }
    }
    self.tokens = tokens
    self.positions = positions
    self.layerPositions = layerPositions
    self.sequences = sequences
    self.segments = segments
    self.virtual = virtual
  }

  /// Positions that the longest sequence reaches.
  var reach: Int { sequences.map { $0.start + $0.rows.count }.max() ?? 0 }

  /// The modules that rows go through after a sublayer of a layer.
  @Compute
  func bottlenecks(
    _ layer: Int, _ place: (LayerBottlenecks) -> Bottleneck
  ) -> [(rows: Range<Int>, module: Bottleneck)] {
    segments.compactMap { segment in
      guard layer < segment.mix.bottlenecks.count, let modules = segment.mix.bottlenecks[layer] else {
        return nil
      }
      return (segment.rows, place(modules))
    }
  }

  /// What the mixes of this batch add at a group of sites.
  @Compute
  func terms(at group: SiteGroup) -> [LowRankTerm] {
    var result: [LowRankTerm] = []
    for segment in segments where !segment.mix.terms.isEmpty {
      for member in group.members {
        for (place, term) in segment.mix.terms[member.index].enumerated() {
          result.append(
            LowRankTerm(
              rows: segment.rows, columns: member.columns, loraA: term.loraA, loraB: term.loraB,
              scale: term.scale, dropout: segment.dropout(of: term, at: member.index, place)))
        }
      }
    }
    return result
  }
}

extension PackedBatch {
  /// What the mixes of this batch add at a group of sites in a form that only goes forward.
  @Compute
  func forward(at group: SiteGroup) -> ForwardTerms {
    var result = ForwardTerms()
    for segment in segments {
      guard let factors = segment.mix.forward else { continue }
      for member in group.members {
        result.append(factors, at: member.index, rows: segment.rows, columns: member.columns)
      }
    }
    return result
  }
}

extension PackedBatch.Segment {
  /// What rows drop at one site: drawn from each row's seed and the site.
  @Compute
  fileprivate func dropout(of term: BoundMix.Term, at site: Int, _ place: Int) -> LowRankTerm.Dropout? {
    guard term.dropout > 0, !dropout.isEmpty else { return nil }
    let part = (UInt64(site) << 20 | UInt64(place) << 40) &* 0x9e37_79b9_7f4a_7c15
    return LowRankTerm.Dropout(
      rate: term.dropout,
      sequences: dropout.map { rows, seed in
        var generator = SeededGenerator(seed: seed ^ part)
        return (rows, generator.next())
      })
  }
}
