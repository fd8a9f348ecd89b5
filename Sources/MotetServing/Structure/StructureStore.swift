import MotetTensor
import MotetTokenizers
import Synchronization

/// The automata of output formats, made once for each format and shared by its requests.
///
/// Schemas are read on threads of their own, within a time limit, and no longer than somebody waits. All that is held
/// stays within a budget of bytes: formats that no answer is under way in go first, those that were not asked for longest
/// before the others.
@Compute
final class StructureStore {
  private let tokenizer: Tokenizer
  private let ends: Set<Int32>
  private let memory: StructureMemory
  private let vocabulary: SharedTrie
  private let threads = CompileThreads()
  private let masks = MaskThread()
  /// By last use.
  private var kept: [(format: OutputFormat, automaton: StructureAutomaton)] = []
  private var underWay: [OutputFormat: Compilation] = [:]

  /// - Parameters:
  ///   - ends: tokens that end an answer
  init(_ tokenizer: Tokenizer, ends: Set<Int32>, memory: StructureMemory) {
    self.tokenizer = tokenizer
    self.ends = ends
    self.memory = memory
    vocabulary = SharedTrie(tokenizer)
  }

  /// Where an answer in a format begins; nil for plain text.
  /// - Throws: ``ServingError/invalid(parameter:message:)`` naming what a schema has that cannot be followed,
  ///   ``ServingError/queueFull(retryAfterSeconds:)`` when other answers' schemas take all the memory there is,
  ///   `CancellationError`
  func cursor(for format: OutputFormat) async throws -> StructureCursor? {
    guard format != .text else { return nil }
    if let index = kept.firstIndex(where: { $0.format == format }) {
      kept.append(kept.remove(at: index))
      return kept.last.map { StructureCursor($0.automaton, tokenizer: tokenizer, thread: masks) }
    }
    let automaton = try await automaton(for: format)
    return StructureCursor(automaton, tokenizer: tokenizer, thread: masks)
  }

  private func automaton(for format: OutputFormat) async throws -> StructureAutomaton {
    let compilation: Compilation
    if let known = underWay[format], known.join() {
      compilation = known
    } else {
      compilation = start(format)
      underWay[format] = compilation
    }
    let automaton = try await withTaskCancellationHandler {
      try await compilation.task.value
    } onCancel: {
      compilation.leave()
    }
    guard underWay[format] === compilation else { return automaton }
    underWay[format] = nil
    kept.append((format, automaton))
    makeRoom()
    return automaton
  }

  private func start(_ format: OutputFormat) -> Compilation {
    let cancellation = CompileClock.Cancellation()
    let (threads, vocabulary, ends, memory) = (threads, vocabulary, ends, memory)
    let task = Task { [weak self] in
      do {
        let (grammar, trie) = try await threads.run {
          let trie = vocabulary.trie
          let clock = CompileClock(cancellation: cancellation)
          guard
            let grammar = try SchemaCompiler.compile(
              format, writable: trie.singleBytes, reach: trie.deepest, clock: clock)
          else { throw SchemaCompiler.refusal("plain text needs none") }
          return (grammar, trie)
        }
        let bytes = grammar.memory + format.schemaBytes
        guard bytes <= memory.budget / 2 else {
          throw SchemaCompiler.refusal(
            "it takes \(bytes >> 20) MB here, and half of \(memory.budget >> 20) MB is the most; split it")
        }
        self?.makeRoom(for: bytes)
        guard memory.held + bytes <= memory.budget else {
          throw ServingError.queueFull(retryAfterSeconds: 5)
        }
        return StructureAutomaton(
          grammar, trie: trie, ends: ends, memory: memory, text: format.schemaBytes)
      } catch {
        self?.forget(format, cancellation)
        throw error
      }
    }
    return Compilation(task, cancellation)
  }

  private func forget(_ format: OutputFormat, _ cancellation: CompileClock.Cancellation) {
    if underWay[format]?.cancellation === cancellation { underWay[format] = nil }
  }

  /// Drops formats that no answer is under way in until three quarters of the budget hold all and so much more.
  private func makeRoom(for bytes: Int = 0) {
    var index = 0
    while memory.held + bytes > memory.budget / 4 * 3, index < kept.count {
      if isKnownUniquelyReferenced(&kept[index].automaton) {
        kept.remove(at: index)
      } else {
        index += 1
      }
    }
  }
}

/// A schema that is being read, and how many wait for it.
private final class Compilation: Sendable {
  let task: Task<StructureAutomaton, any Error>
  let cancellation: CompileClock.Cancellation
  private let waiting = Mutex(1)

  init(_ task: Task<StructureAutomaton, any Error>, _ cancellation: CompileClock.Cancellation) {
    self.task = task
    self.cancellation = cancellation
  }

  /// - Returns: false if all have left it
  func join() -> Bool {
    waiting.withLock { count in
      guard count > 0 else { return false }
      count += 1
      return true
    }
  }

  func leave() {
    waiting.withLock { count in
      count -= 1
      if count == 0 { cancellation.cancel() }
    }
  }
}

/// The vocabulary by bytes, made when it is first asked for; on a thread that may wait.
private final class SharedTrie: Sendable {
  private let made = Mutex<TokenTrie?>(nil)
  private let tokenizer: Tokenizer

  init(_ tokenizer: Tokenizer) { self.tokenizer = tokenizer }

  var trie: TokenTrie {
    made.withLock { made in
      if let made { return made }
      let new = TokenTrie(tokenizer)
      made = new
      return new
    }
  }
}

extension OutputFormat {
  fileprivate var schemaBytes: Int { if case .schema(let text) = self { text.utf8.count } else { 0 } }
}
