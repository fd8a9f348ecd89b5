import MotetTensor

/// One row of a pass through the model: a sequence, or the next tokens of one, with the mix it carries.
public struct BatchRow {
  public var tokens: [Int32]
  public var mix: BoundMix
  /// The position of its first token.
  public var start: Int
  /// Keys and values of what came before, and the place for those of these tokens.
  public var cache: KeyValueCache?

  public init(tokens: [Int32], mix: BoundMix, start: Int = 0, cache: KeyValueCache? = nil) {
    self.tokens = tokens
    self.mix = mix
    self.start = start
    self.cache = cache
  }
}

/// Rows packed end to end, without padding, and the runs of them that carry one mix.
struct PackedBatch {
  let tokens: [Int32]
  let positions: [Int32]
  let sequences: [SequenceSpan]
  let segments: [(rows: Range<Int>, mix: BoundMix)]

  @Compute
  init(_ rows: [BatchRow]) {
    var tokens: [Int32] = []
    var positions: [Int32] = []
    var sequences: [SequenceSpan] = []
    var segments: [(rows: Range<Int>, mix: BoundMix)] = []
    for row in rows {
      let first = tokens.count
      tokens += row.tokens
      positions += (0..<row.tokens.count).map { Int32(row.start + $0) }
      let range = first..<tokens.count
      sequences.append(SequenceSpan(rows: range, start: row.start, cache: row.cache))
      if let last = segments.last, last.mix === row.mix {
        segments[segments.count - 1].rows = last.rows.lowerBound..<range.upperBound
      } else {
        segments.append((range, row.mix))
      }
    }
    self.tokens = tokens
    self.positions = positions
    self.sequences = sequences
    self.segments = segments
  }

  /// What the mixes of this batch add at a group of sites.
  @Compute
  func terms(at group: SiteGroup, dropoutSeed: UInt64?) -> [LowRankTerm] {
    var result: [LowRankTerm] = []
    for segment in segments where !segment.mix.terms.isEmpty {
      for member in group.members {
        for (place, term) in segment.mix.terms[member.index].enumerated() {
          let dropout = dropoutSeed.flatMap { seed -> LowRankTerm.Dropout? in
            guard term.dropout > 0 else { return nil }
            let part = UInt64(member.index) << 20 | UInt64(place) << 40 | UInt64(segment.rows.lowerBound)
            var generator = SeededGenerator(seed: seed ^ (part &* 0x9e37_79b9_7f4a_7c15))
            return LowRankTerm.Dropout(rate: term.dropout, seed: generator.next())
          }
          result.append(
            LowRankTerm(
              rows: segment.rows, columns: member.columns, loraA: term.loraA, loraB: term.loraB,
              scale: term.scale, dropout: dropout))
        }
      }
    }
    return result
  }
}
