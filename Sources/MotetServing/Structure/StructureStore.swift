import MotetTensor
import MotetTokenizers

/// The automata of output formats, made once for each format and shared by its requests.
@Compute
final class StructureStore {
  private let tokenizer: Tokenizer
  private var trie: TokenTrie?
  private var automata: [(format: OutputFormat, automaton: StructureAutomaton)] = []

  /// Formats that are kept.
  private static let limit = 32

  init(_ tokenizer: Tokenizer) { self.tokenizer = tokenizer }

  /// Where an answer in a format begins; nil for plain text.
  /// - Throws: ``ServingError/invalid(parameter:message:)`` naming what a schema has that cannot be followed
  func cursor(for format: OutputFormat) async throws -> StructureCursor? {
    guard format != .text else { return nil }
    if let index = automata.firstIndex(where: { $0.format == format }), !automata[index].automaton.isFull {
      automata.append(automata.remove(at: index))
      return automata.last.map { StructureCursor($0.automaton, tokenizer: tokenizer) }
    }
    let (known, vocabulary) = (trie, tokenizer)
    // Reading a schema and sorting a vocabulary take a while: not on this thread.
    let made = try await Task.detached {
      try SchemaCompiler.compile(format).map { ($0, known ?? TokenTrie(vocabulary)) }
    }.value
    guard let (grammar, trie) = made else { return nil }
    self.trie = trie
    let automaton = StructureAutomaton(grammar, trie: trie)
    guard automaton.start != StructureAutomaton.dead, !automaton.isFinal(automaton.start) else {
      throw SchemaCompiler.refusal("it allows no value, or has too many cases to follow")
    }
    automata.removeAll { $0.format == format }
    automata.append((format, automaton))
    if automata.count > Self.limit { automata.removeFirst() }
    return StructureCursor(automaton, tokenizer: tokenizer)
  }
}
