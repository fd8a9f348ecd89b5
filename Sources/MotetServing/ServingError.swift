/// Why a request or a change of the adapters was refused.
public enum ServingError: Error, Sendable, CustomStringConvertible {
  /// No such adapter; the names that are near.
  case unknownModel(name: String, near: [String])
  /// What the request asks for cannot be done; the place in it, as the API names it.
  case invalid(parameter: String?, message: String)
  /// Prompt and answer do not fit.
  case tooLong(tokens: Int, context: Int)
  /// As many requests wait as may.
  case queueFull(retryAfterSeconds: Int)
  /// No new work: the server is on its way out.
  case draining
  /// An adapter that the request or the change needs cannot be used: what is wrong with it.
  case unusableAdapter(name: String, reason: String)
  /// A folder outside those that the server was started with.
  case forbiddenFolder(path: String)
  /// An adapter, or the adapters of a mix, that can never have room: bytes beside those that pinned adapters keep.
  case tooLarge(name: String, bytes: Int, pinned: Int, budget: Int)
  /// A pin that would leave too little for other adapters, of which the largest takes so many bytes.
  case pinTooLarge(name: String, bytes: Int, pinned: Int, largestOther: Int, budget: Int)
  /// No folder of an adapter that who asks may use: it is not there, it is another's, or its adapter stands on another's.
  case noSuchFolder
  /// The adapter may not be taken away: pinned, or of the library.
  case kept(name: String, reason: String)

  public var description: String {
    switch self {
    case .unknownModel(let name, let near):
      near.isEmpty
        ? "no model is called \"\(name)\"; GET /v1/models lists those there are"
        : "no model is called \"\(name)\"; did you mean \(near.joined(separator: ", "))?"
    case .invalid(_, let message): message
    case .tooLong(let tokens, let context):
      "the prompt has \(tokens) tokens and the context holds \(context), answer included; send a shorter prompt"
    case .queueFull(let seconds): "too many requests wait; try again in \(seconds) s"
    case .draining: "the server is shutting down; send the request to another one"
    case .unusableAdapter(let name, let reason): "the adapter \"\(name)\" cannot be used: \(reason)"
    case .forbiddenFolder:
      "the folder lies outside those that the server was started with; start it with --adapters for that one"
    case .tooLarge(let name, let bytes, let pinned, let budget):
      pinned == 0
        ? "the adapter \"\(name)\" takes \(bytes) bytes of memory, and the server has \(budget) for adapters; "
          + "start it with a larger --adapter-memory"
        : "the adapter \"\(name)\" takes \(bytes) bytes of memory, and of the \(budget) for adapters \(pinned) are "
          + "pinned; unpin an adapter, or start the server with a larger --adapter-memory"
    case .pinTooLarge(let name, let bytes, let pinned, let largest, let budget):
      "the adapter \"\(name)\" is not pinned: it takes \(bytes) bytes, \(pinned) are pinned already, and of the "
        + "\(budget) for adapters there have to be \(largest) left for others; unpin an adapter, or start the server "
        + "with a larger --adapter-memory"
    case .noSuchFolder:
      "no adapter that this key may use is at that path; name a folder of the served adapters, with what it stands on "
        + "among the key's own"
    case .kept(let name, let reason): "the adapter \"\(name)\" stays: \(reason)"
    }
  }
}
