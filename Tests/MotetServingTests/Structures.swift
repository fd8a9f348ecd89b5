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

  /// Whether a position is complete or some text completes it: two searches that prefer fewer open rules, one of short
  /// texts and one of the first text at hand.
  func canComplete(_ position: TextPosition) -> Bool {
    canComplete(position, byBreadth: true) || canComplete(position, byBreadth: false)
  }

  private func canComplete(_ position: TextPosition, byBreadth: Bool) -> Bool {
    func depth(_ position: TextPosition) -> Int { position.groups.map(\.stack.depth).min() ?? 0 }
    var open: [Int: [TextPosition]] = [depth(position): [position]]
    var seen: Set<TextPosition> = [position]
    for _ in 0..<20_000 {
      guard let nearest = open.keys.min(), let next = open[nearest]?.popLast() else { return false }
      if open[nearest]?.isEmpty == true { open[nearest] = nil }
      if next.isComplete { return true }
      for byte in representatives {
        let reached = step(next, byte)
        guard !reached.isNowhere, seen.insert(reached).inserted else { continue }
        let place = byBreadth ? 0 : open[depth(reached), default: []].count
        open[depth(reached), default: []].insert(reached, at: place)
      }
    }
    return false
  }
}
