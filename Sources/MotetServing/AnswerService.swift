import MotetAdapters
import MotetTokenizers

/// What answers requests: the face of the engine that a server sees.
public protocol AnswerService: Sendable {
  /// What `/v1/models` calls the base.
  var baseName: String { get }
  var tokenizer: Tokenizer { get }
  /// nil for a base that has none: it goes on with plain text.
  var template: ChatTemplate? { get }
  /// Tokens of prompt and answer together, at most.
  var context: Int { get }

  /// Takes a request in. Ending the stream's iteration, or cancelling its task, frees the request's row at the next step.
  /// - Throws: ``ServingError`` when it cannot be taken; through the stream when it fails later
  func answer(_ request: ServingRequest) async throws -> AsyncThrowingStream<ServingEvent, any Error>

  /// Mean hidden states of texts' tokens, `[texts][hidden]`. They wait in the same queue as answers, as one request, and
  /// are read in pieces between them; cancelling the task ends it at the next step.
  /// - Parameter request: whose mix they are read with, and who sends it; its prompt counts for nothing
  /// - Throws: ``ServingError``, `CancellationError`
  func embed(_ texts: [[Int32]], as request: ServingRequest) async throws -> [[Float]]

  /// Every adapter that a request of this scope can name, by name and version.
  func adapters(within scope: AdapterScope) async throws -> [ServedAdapter]
  /// Makes a folder's adapter known as `name`, in place of one of that name; requests under way finish with theirs.
  /// - Parameter scope: what the folder and all that its adapter stands on have to be called
  /// - Throws: ``ServingError/forbiddenFolder(path:)``, ``ServingError/unusableAdapter(name:reason:)``; with a limited
  ///   scope ``ServingError/noSuchFolder`` for every folder outside it, whether it is there or not
  func load(_ name: String, from path: String, within scope: AdapterScope) async throws
  /// Takes an adapter out of memory and, where it was loaded by name, out of the list.
  /// - Parameter scope: of who asks: an adapter that cannot be named within it is not there
  func unload(_ name: String, within scope: AdapterScope) async throws
  /// Keeps an adapter in memory, or no longer.
  /// - Parameter scope: as in ``unload(_:within:)``
  func pin(_ name: String, _ isPinned: Bool, within scope: AdapterScope) async throws

  func status() async -> ServingStatus
  /// Takes no new requests and returns when those under way are done.
  func drain() async
}

extension AnswerService {
  public func adapters() async throws -> [ServedAdapter] { try await adapters(within: .all) }

  public func embed(_ texts: [[Int32]], mix: MixSpecification) async throws -> [[Float]] {
    try await embed(texts, as: ServingRequest(id: "embedding", prompt: [], mix: mix))
  }

  public func load(_ name: String, from path: String) async throws {
    try await load(name, from: path, within: .all)
  }

  public func unload(_ name: String) async throws { try await unload(name, within: .all) }

  public func pin(_ name: String, _ isPinned: Bool) async throws {
    try await pin(name, isPinned, within: .all)
  }
}

/// An adapter as a server lists it.
public struct ServedAdapter: Sendable, Equatable {
  public var name: String
  /// nil for one of a folder.
  public var version: Int?
  /// What its name stands on: the base, or another adapter.
  public var parent: String
  /// `lora`
  public var method: String
  public var rank: Int?
  /// Whether its weights are in memory, and how many bytes they take there.
  public var isLoaded: Bool
  public var bytes: Int
  public var isPinned: Bool
  /// Unix time of its files.
  public var created: Int

  public init(
    name: String, version: Int?, parent: String, method: String, rank: Int?, isLoaded: Bool, bytes: Int,
    isPinned: Bool, created: Int
  ) {
    self.name = name
    self.version = version
    self.parent = parent
    self.method = method
    self.rank = rank
    self.isLoaded = isLoaded
    self.bytes = bytes
    self.isPinned = isPinned
    self.created = created
  }
}

/// How busy an engine is.
public struct ServingStatus: Sendable, Equatable {
  public var running: Int
  public var waiting: Int
  /// Pages of keys and values in use, and all there are.
  public var usedPages: Int
  public var pages: Int
  public var isDraining: Bool

  public init(running: Int, waiting: Int, usedPages: Int, pages: Int, isDraining: Bool) {
    self.running = running
    self.waiting = waiting
    self.usedPages = usedPages
    self.pages = pages
    self.isDraining = isDraining
  }
}
