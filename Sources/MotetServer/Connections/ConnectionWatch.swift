import NIOCore
import Synchronization

/// Which connections are open, so that a client that goes away ends the work that was done for it.
///
/// Hummingbird's own `consumeWithCancellationOnInboundClose` gives up the connection after the request; here it stays
/// open for the next one.
final class ConnectionWatch: Sendable {
  private struct Connection {
    /// What to call when the client goes, by request.
    var onLeave: [Int: @Sendable () -> Void] = [:]
    /// Set when a request was answered without reading its body: bytes of it that are still taken.
    var leftToDiscard: Int?
  }

  private struct State {
    var connections: [ObjectIdentifier: Connection] = [:]
    var count = 0
  }

  private let state = Mutex(State())

  func opened(_ channel: ObjectIdentifier) { state.withLock { $0.connections[channel] = Connection() } }

  /// The client closed its side, or the connection broke.
  func closed(_ channel: ObjectIdentifier, forGood: Bool) {
    let left = state.withLock { state in
      let left = state.connections[channel]?.onLeave.values.map { $0 } ?? []
      if forGood {
        state.connections[channel] = nil
      } else {
        state.connections[channel]?.onLeave = [:]
      }
      return left
    }
    for body in left { body() }
  }

  var count: Int { state.withLock { $0.connections.count } }

  /// Calls `body` once if the client of `channel` goes away before ``forget(_:of:)``.
  func onLeave(of channel: ObjectIdentifier, _ body: @escaping @Sendable () -> Void) -> Int {
    state.withLock { state in
      state.count += 1
      state.connections[channel]?.onLeave[state.count] = body
      return state.count
    }
  }

  func forget(_ ticket: Int, of channel: ObjectIdentifier) {
    state.withLock { _ = $0.connections[channel]?.onLeave.removeValue(forKey: ticket) }
  }

  /// Runs `body`, cancelled when the client of `channel` goes away.
  func whileConnected<T: Sendable>(
    _ channel: ObjectIdentifier, _ body: @escaping @Sendable () async throws -> T
  ) async throws -> T {
    let task = Task { try await body() }
    let ticket = onLeave(of: channel) { task.cancel() }
    defer { forget(ticket, of: channel) }
    return try await withTaskCancellationHandler {
      try await task.value
    } onCancel: {
      task.cancel()
    }
  }

  /// Says that a request was refused with its body unread, of which `bytes` more are taken before the connection is
  /// closed: a client that only reads when it has written may then still read the refusal.
  func refuse(_ channel: ObjectIdentifier, taking bytes: Int = 1 << 20) {
    state.withLock { $0.connections[channel]?.leftToDiscard = bytes }
  }

  /// - Returns: whether the connection has had enough
  func discards(_ bytes: Int, from channel: ObjectIdentifier) -> Bool {
    state.withLock { state in
      guard let left = state.connections[channel]?.leftToDiscard else { return false }
      state.connections[channel]?.leftToDiscard = left - bytes
      return left - bytes <= 0
    }
  }
}
