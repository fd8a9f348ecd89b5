import Hummingbird
import NIOCore

/// What is known of a request while it is answered.
struct ServerContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  /// The connection it came on.
  let connection: any Channel
  /// What logs, answers and the client call it.
  var requestID = ""
  /// Who asks.
  var caller = Caller.anyone
  /// Whose share of what is shared out by client it takes: the key's holder's, or without keys that of all who come from
  /// the same address.
  var client: String { caller.name ?? connection.remoteAddress?.ipAddress ?? "" }
  /// What the request's log line says beyond the HTTP of it.
  let notes = RequestNotes()

  init(source: ApplicationRequestContextSource) {
    coreContext = .init(source: source)
    connection = source.channel
  }
}
