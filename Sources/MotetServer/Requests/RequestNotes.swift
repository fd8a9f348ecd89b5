import Logging
import Synchronization

/// Facts that a route learns on the way, for the line that is logged when the answer is out.
final class RequestNotes: Sendable {
  private let metadata = Mutex<Logger.Metadata>([:])

  func note(_ name: String, _ value: some CustomStringConvertible) {
    metadata.withLock { $0[name] = "\(value)" }
  }

  var all: Logger.Metadata { metadata.withLock { $0 } }
}
