import MotetModels
import MotetTensor

/// Examples that go through the model in one pass, and where their labels are.
@Compute
struct Pass {
  let rows: [BatchRow]
  let labels: [BaseModel.Label]
  /// For each label the example it belongs to.
  let owners: [Int]
  let tokens: Int

  /// The last token of a row predicts nothing that is there, so it is left out.
  /// - Parameter scale: what each label's loss counts
  init(_ examples: [Example], mix: BoundMix, scale: Float) {
    var rows: [BatchRow] = []
    var labels: [BaseModel.Label] = []
    var owners: [Int] = []
    var first = 0
    for (index, example) in examples.enumerated() {
      let end = example.labelled.lastIndex(of: true) ?? 0
      rows.append(BatchRow(tokens: Array(example.tokens[..<max(1, end)]), mix: mix))
      for target in 1..<max(2, example.tokens.count) where target <= end && example.labelled[target] {
        labels.append(
          BaseModel.Label(position: first + target - 1, token: example.tokens[target], scale: scale))
        owners.append(index)
      }
      first += max(1, end)
    }
    self.rows = rows
    self.labels = labels
    self.owners = owners
    tokens = first
  }

  /// Splits examples into runs of at most `limit` tokens, at least one example each.
  nonisolated static func split(_ examples: [Example], limit: Int) -> [[Example]] {
    var parts: [[Example]] = []
    var tokens = 0
    for example in examples {
      if let last = parts.indices.last, tokens + example.tokens.count <= limit {
        parts[last].append(example)
        tokens += example.tokens.count
      } else {
        parts.append([example])
        tokens = example.tokens.count
      }
    }
    return parts
  }
}
