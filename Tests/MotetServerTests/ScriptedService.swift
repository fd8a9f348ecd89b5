import Foundation
import MotetAdapters
import MotetServing
import MotetTokenizers
import Synchronization
import Tracing

/// An engine that says what it is told to, so that the routes can be tested alone.
final class ScriptedService: AnswerService {
  /// What happens to a request.
  enum Script: Sendable {
    /// This text, a token at a time.
    case say(String)
    /// Refuses it.
    case refuse(ServingError)
    /// Begins, says one piece and fails.
    case breakOff
    /// Begins, says one piece and fails for a reason inside.
    case fail
    /// Begins, says one piece and waits until it is cancelled.
    case hang
    /// Takes the request only after so many seconds, then does as one that hangs.
    case hangAfter(seconds: Double)
  }

  struct State {
    var script = Script.say("Hello, world!")
    var requests: [ServingRequest] = []
    /// What tracers said when they came.
    var contexts: [ServiceContext?] = []
    var cancelled = 0
    var adapters: [ServedAdapter] = []
    var isDraining = false
    var changes: [String] = []
  }

  let state = Mutex(State())
  let baseName = "tiny"
  let tokenizer: Tokenizer
  let template: ChatTemplate
  let context = 512

  init() throws {
    tokenizer = try Self.bytes()
    template = try ChatTemplate(builtIn: "chatml")
    state.withLock {
      $0.adapters = [
        Self.adapter("math", 1), Self.adapter("math", 2), Self.adapter("code", 1), Self.adapter("acme", nil),
      ]
    }
  }

  static func adapter(_ name: String, _ version: Int?) -> ServedAdapter {
    ServedAdapter(
      name: name, version: version, parent: "tiny", method: "lora", rank: 8, isLoaded: version != 1,
      bytes: 1000,
      isPinned: false, created: 1_700_000_000)
  }

  /// A tokenizer with one token a byte and the two of ChatML.
  static func bytes() throws -> Tokenizer {
    var printable = Array(33...126) + Array(161...172) + Array(174...255)
    var scalars: [Int: Int] = [:]
    for byte in printable { scalars[byte] = byte }
    for byte in 0..<256 where scalars[byte] == nil {
      scalars[byte] = 256 + printable.count - 188
      printable.append(byte)
    }
    let tokens = (0..<256).map { String(Character(Unicode.Scalar(UInt32(scalars[$0] ?? 0)) ?? " ")) }
    return try Tokenizer(
      tokens: tokens + ["<|im_start|>", "<|im_end|>"], merges: [],
      tokenTypes: Array(repeating: 1, count: 256) + [3, 3],
      splitting: .gpt2, bos: nil, eos: 257)
  }

  var requests: [ServingRequest] { state.withLock { $0.requests } }
  func follow(_ script: Script) { state.withLock { $0.script = script } }

  func answer(_ request: ServingRequest) async throws -> AsyncThrowingStream<ServingEvent, any Error> {
    let (script, known) = state.withLock { state in
      state.requests.append(request)
      state.contexts.append(ServiceContext.current)
      return (state.isDraining ? .refuse(.draining) : state.script, Set(state.adapters.map(\.name)))
    }
    if case .refuse(let error) = script { throw error }
    if case .hangAfter(let seconds) = script {
      do { try await Task.sleep(for: .seconds(seconds)) } catch {
        state.withLock { $0.cancelled += 1 }
        throw error
      }
    }
    for term in request.mix.terms {
      let name = String(term.adapter.description.prefix { $0 != "@" })
      guard known.contains(name) else { throw ServingError.unknownModel(name: name, near: ["acme"]) }
    }
    let mix = ServedMix(
      terms: request.mix.terms.map { term in
        let parts = term.adapter.description.split(separator: "@")
        return .init(
          name: String(parts[0]), version: parts.count > 1 ? Int(parts[1]) : 2, weight: term.weight)
      })
    let (stream, continuation) = AsyncThrowingStream.makeStream(of: ServingEvent.self)
    continuation.onTermination = { [self] reason in
      if case .cancelled = reason { state.withLock { $0.cancelled += 1 } }
    }
    continuation.yield(.begun(mix: mix, cachedTokens: 3))
    switch script {
    case .say(let text): say(text, request, continuation)
    case .breakOff:
      continuation.yield(.piece(text: "Hel", tokens: [ServedToken(id: 72)]))
      continuation.finish(throwing: ServingError.unusableAdapter(name: "math", reason: "its file is gone"))
    case .fail:
      continuation.yield(.piece(text: "Hel", tokens: [ServedToken(id: 72)]))
      continuation.finish(throwing: EngineFailure("the pass failed: no memory at /srv/secret"))
    default: continuation.yield(.piece(text: "Hel", tokens: [ServedToken(id: 72)]))
    }
    return stream
  }

  private func say(
    _ text: String, _ request: ServingRequest,
    _ continuation: AsyncThrowingStream<ServingEvent, any Error>.Continuation
  ) {
    let stop = request.stopStrings.first(where: text.contains)
    let ids = tokenizer.encode(stop.flatMap { text.components(separatedBy: $0).first } ?? text)
    let taken = ids.prefix(request.maximumTokens)
    for id in taken {
      let token = ServedToken(
        id: id, logprob: request.logprobs.map { _ in -0.5 },
        alternatives: (0..<(request.logprobs ?? 0)).map { .init(id: Int32(65 + $0), logprob: -1) })
      continuation.yield(.piece(text: tokenizer.decode([id]), tokens: [token]))
    }
    continuation.yield(
      .ended(
        taken.count < ids.count ? .length : .stop,
        ServingUsage(
          promptTokens: request.prompt.count, completionTokens: taken.count, cachedTokens: 3,
          queueSeconds: 0.001,
          firstTokenSeconds: 0.01, seconds: 0.05, stopString: taken.count < ids.count ? nil : stop)))
    continuation.finish()
  }

  func embed(_ texts: [[Int32]], as request: ServingRequest) async throws -> [[Float]] {
    state.withLock { $0.requests.append(request) }
    return texts.map { [Float($0.count), 0.5, -2] }
  }

  func adapters(within scope: AdapterScope) async throws -> [ServedAdapter] {
    state.withLock { $0.adapters.filter { scope.allows($0.name) } }
  }

  func load(_ name: String, from path: String, within scope: AdapterScope) async throws {
    guard path.hasPrefix("allowed/"), !path.contains("..") else {
      throw ServingError.forbiddenFolder(path: path)
    }
    state.withLock {
      $0.adapters.append(Self.adapter(name, nil))
      $0.changes.append("load \(name)")
    }
  }

  func unload(_ name: String, within scope: AdapterScope) async throws { try change(name, "unload") }
  func pin(_ name: String, _ isPinned: Bool, within scope: AdapterScope) async throws {
    try change(name, isPinned ? "pin" : "unpin")
  }

  private func change(_ name: String, _ what: String) throws {
    try state.withLock { state in
      guard state.adapters.contains(where: { $0.name == name }) else {
        throw ServingError.unknownModel(name: name, near: ["acme"])
      }
      state.changes.append("\(what) \(name)")
    }
  }

  func status() async -> ServingStatus {
    ServingStatus(
      running: 1, waiting: 2, usedPages: 3, pages: 10, isDraining: state.withLock { $0.isDraining })
  }

  func drain() async { state.withLock { $0.isDraining = true } }
}
