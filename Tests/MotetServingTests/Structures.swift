import MotetTokenizers
import Testing

@testable import MotetServing

/// Output formats without a model.
enum Structures {
  static func tokenizer() throws -> Tokenizer {
    try Tokenizer(tokenizerJSON: TinyModel.folder.appending(path: "model/tokenizer.json"))
  }

  static func grammar(_ format: OutputFormat) throws -> ByteGrammar {
    try #require(try SchemaCompiler.compile(format))
  }

  static func automaton(_ format: OutputFormat) throws -> StructureAutomaton {
    StructureAutomaton(
      try grammar(format), trie: TokenTrie(try tokenizer()), ends: [2],
      memory: StructureMemory(budget: 1 << 30))
  }
}

extension ByteGrammar {
  /// Where a text leads.
  func after(_ text: String) -> TextPosition {
    var position = beginning
    for byte in text.utf8 { position = step(position, byte) }
    return position
  }

  /// Whether a position is complete or some text completes it: a search over single places, since a text that one place of
  /// a position accepts is one that the position accepts. Places with fewer open rules come first.
  func canComplete(_ position: TextPosition) -> Bool {
    if position.isComplete { return true }
    func depth(_ position: TextPosition) -> Int { position.groups.map(\.stack.depth).min() ?? 0 }
    var seen = Set(position.single)
    var open = Dictionary(grouping: position.single, by: depth)
    for _ in 0..<50_000 {
      guard let nearest = open.keys.min(), let next = open[nearest]?.popLast() else { return false }
      if open[nearest]?.isEmpty == true { open[nearest] = nil }
      for byte in representatives {
        let reached = step(next, byte)
        if reached.isComplete { return true }
        for place in reached.single where seen.insert(place).inserted {
          open[depth(place), default: []].append(place)
        }
      }
    }
    return false
  }
}
