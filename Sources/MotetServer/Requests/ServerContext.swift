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
  /// What the request's log line says beyond the HTTP of it.
  let notes = RequestNotes()

  init(source: ApplicationRequestContextSource) {
    coreContext = .init(source: source)
    connection = source.channel
  }
}
