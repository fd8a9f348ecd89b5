import MotetTensor

/// The weights that rows go through: a base's own, or those of a copy.
@Compute
struct ModelWeights {
  var tables: TokenTables
  var layers: [DecoderLayer]
  /// The same layers for passes that go through all at once, where they can.
  var whole: WholeLayers?
  var finalNorm: NormWeight
  var head: FrozenMatrix
  /// What the head was packed from, in a copy under training; of a tied one the embedding's too.
  var trainedHead: Parameter?
}

/// Rows of a batch that stand together and go through the same weights.
@Compute
struct WeightRun {
  var rows: Range<Int>
  /// Of the batch's packed tokens.
  var tokens: Range<Int>
  /// nil for the base's own.
  let copy: WeightCopy?

  static func split(_ rows: [BatchRow]) -> [WeightRun] {
    var runs: [WeightRun] = []
    var tokens = 0
    for (index, row) in rows.enumerated() {
      let end = tokens + row.tokens.count
      if let last = runs.last, last.copy === row.mix.copy {
        runs[runs.count - 1].rows = last.rows.lowerBound..<index + 1
        runs[runs.count - 1].tokens = last.tokens.lowerBound..<end
      } else {
        runs.append(WeightRun(rows: index..<index + 1, tokens: tokens..<end, copy: row.mix.copy))
      }
      tokens = end
    }
    return runs
  }
}
