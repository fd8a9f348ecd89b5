import MotetModels
import MotetTensor

/// Examples under one mix that go through the model together.
struct PassPart {
  var examples: [Example]
  let mix: BoundMix
  /// What each label's loss counts: one over the labels of the step it belongs to.
  let scale: Float
  /// Whose examples these are.
  var owner = 0
  /// Draws the dropout of the first example, and each one more that of the next; nil for none.
  var dropoutSeed: UInt64?

  var tokens: Int { examples.reduce(0) { $0 + $1.tokens.count } }
}

/// What goes through the model in one pass, and where its labels are.
@Compute
struct Pass {
  let rows: [BatchRow]
  let labels: [BaseModel.Label]
  /// For each label the part, and the example in it, that it belongs to.
  let owners: [(part: Int, example: Int)]

  /// The last token of a row predicts nothing that is there, so it is left out.
  init(_ parts: [PassPart]) {
    var rows: [BatchRow] = []
    var labels: [BaseModel.Label] = []
    var owners: [(part: Int, example: Int)] = []
    var first = 0
    for (part, entry) in parts.enumerated() {
      for (index, example) in entry.examples.enumerated() {
        let end = example.labelled.lastIndex(of: true) ?? 0
        rows.append(
          BatchRow(
            tokens: Array(example.tokens[..<max(1, end)]), mix: entry.mix,
            dropoutSeed: entry.dropoutSeed.map { $0 &+ UInt64(index) }))
        for target in 1..<max(2, example.tokens.count) where target <= end && example.labelled[target] {
          labels.append(
            BaseModel.Label(position: first + target - 1, token: example.tokens[target], scale: entry.scale))
          owners.append((part, index))
        }
        first += max(1, end)
      }
    }
    self.rows = rows
    self.labels = labels
    self.owners = owners
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

  /// Puts the parts of several adapters into passes of at most `limit` tokens, each into the first with room.
  ///
  /// A part is never divided: an adapter's rows go through the model in the same groups as they would alone.
  nonisolated static func pack(_ parts: [PassPart], limit: Int) -> [[PassPart]] {
    var passes: [(parts: [PassPart], room: Int)] = []
    for part in parts {
      let tokens = part.tokens
      if let place = passes.firstIndex(where: { $0.room >= tokens }) {
        passes[place].parts.append(part)
        passes[place].room -= tokens
      } else {
        passes.append(([part], limit - tokens))
      }
    }
    // Rows of one mix stand together.
    return passes.map { $0.parts.sorted { $0.owner < $1.owner } }
  }
}
