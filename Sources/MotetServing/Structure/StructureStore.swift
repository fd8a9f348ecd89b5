import MotetTensor
import MotetTokenizers

/// The automata of output formats, made once for each format and shared by its requests.
@Compute
final class StructureStore {
  private let tokenizer: Tokenizer
  private var trie: TokenTrie?
  private var known: [(format: OutputFormat, automaton: StructureAutomaton)] = []

  /// Formats that are kept.
  private static let limit = 32

  init(_ tokenizer: Tokenizer) { self.tokenizer = tokenizer }

  /// Where an answer in a format begins; nil for plain text.
  /// - Throws: ``ServingError/invalid(parameter:message:)`` naming what a schema has that cannot be followed
  func cursor(for format: OutputFormat) async throws -> StructureCursor? {
    guard format != .text else { return nil }
    if let index = known.firstIndex(where: { $0.format == format }), !known[index].automaton.isFull {
      known.append(known.remove(at: index))
      return known.last.map { StructureCursor($0.automaton, tokenizer: tokenizer) }
    }
    let (tokenizer, trie) = (tokenizer, trie)
    // Reading a schema and sorting a vocabulary take a while: not on this thread.
    let made = try await Task.detached {
      try SchemaCompiler.compile(format).map { ($0, trie ?? TokenTrie(tokenizer)) }
    }.value
    guard let (grammar, trie) = made else { return nil }
    self.trie = trie
    let automaton = StructureAutomaton(grammar, trie: trie)
    guard automaton.start != StructureAutomaton.dead, !automaton.isFinal(automaton.start) else {
      throw SchemaCompiler.refusal("it goes in circles and allows no value")
    }
    known.removeAll { $0.format == format }
    known.append((format, automaton))
    if known.count > Self.limit { known.removeFirst() }
    return StructureCursor(automaton, tokenizer: tokenizer)
  }
}
