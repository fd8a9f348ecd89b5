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
    /// Whether the client closed its side.
    var hasLeft = false
    /// Where it comes from; nil where that is not known.
    var address: String?
    /// Set when a request was answered without reading its body: bytes of it that are still taken.
    var leftToDiscard: Int?
  }

  /// A closed channel, as long as a request that came on it is still under way: its address may be another's after.
  private struct Closed { weak var channel: (any Channel)? }

  private struct State {
    var connections: [ObjectIdentifier: Connection] = [:]
    var closed: [ObjectIdentifier: Closed] = [:]
    var ofAddresses: [String: Int] = [:]
    /// Connections that there was no room for and that are told so.
    var refused: Set<ObjectIdentifier> = []
    /// Refusals since one was last told of in the log, and when that was.
    var unsaid = 0
    var said: ContinuousClock.Instant?
    var count = 0

    func hasLeft(_ channel: any Channel) -> Bool {
      let id = ObjectIdentifier(channel)
      return connections[id]?.hasLeft ?? (closed[id]?.channel === channel)
    }

    mutating func leave(_ address: String?) {
      guard let address, let count = ofAddresses[address] else { return }
      ofAddresses[address] = count > 1 ? count - 1 : nil
    }
  }

  private let state = Mutex(State())
  private let most: Int
  private let mostOfAddress: Int

  init(most: Int = .max, mostOfAddress: Int = .max) {
    self.most = most
    self.mostOfAddress = mostOfAddress
  }

  /// Whether there is room for a connection.
  enum Admission {
    case taken
    /// As many are open as may be, or as many of its address; it stays for as long as it takes to say so.
    case refused
    /// So many are told so already that it is closed at once.
    case ignored
  }

  /// Connections that are told why they are refused, at one time.
  private static let mostRefused = 64

  func opened(_ channel: any Channel) -> Admission {
    let address = channel.remoteAddress?.ipAddress
    return state.withLock { state in
      state.closed = state.closed.filter { $0.value.channel != nil }
      state.closed[ObjectIdentifier(channel)] = nil
      let ofAddress = address.map { state.ofAddresses[$0, default: 0] } ?? 0
      guard state.connections.count < most, ofAddress < mostOfAddress else {
        state.unsaid += 1
        guard state.refused.count < Self.mostRefused else { return .ignored }
        state.refused.insert(ObjectIdentifier(channel))
        return .refused
      }
      state.connections[ObjectIdentifier(channel)] = Connection(address: address)
      if let address { state.ofAddresses[address] = ofAddress + 1 }
      return .taken
    }
  }

  /// How many were refused since this was last told, at most once a second; nil in between, so that nobody fills the log.
  func refusals(at now: ContinuousClock.Instant = .now) -> Int? {
    state.withLock { state in
      guard state.said.map({ now - $0 >= .seconds(1) }) ?? true else { return nil }
      state.said = now
      defer { state.unsaid = 0 }
      return state.unsaid
    }
  }

  /// The client closed its side, or the connection broke.
  func closed(_ channel: any Channel, forGood: Bool) {
    let id = ObjectIdentifier(channel)
    let left = state.withLock { state in
      let left = state.connections[id]?.onLeave.values.map { $0 } ?? []
      state.connections[id]?.onLeave = [:]
      state.connections[id]?.hasLeft = true
      if forGood { state.refused.remove(id) }
      if forGood, let connection = state.connections.removeValue(forKey: id) {
        state.closed[id] = Closed(channel: channel)
        state.leave(connection.address)
      }
      return left
    }
    for body in left { body() }
  }

  var count: Int { state.withLock { $0.connections.count } }

  /// Whether the client of `channel` went away.
  func hasLeft(_ channel: any Channel) -> Bool { state.withLock { $0.hasLeft(channel) } }

  /// Calls `body` once if the client of `channel` goes away before ``forget(_:of:)``, at once if it has gone. A channel
  /// that was never opened here is one whose client stays.
  func onLeave(of channel: any Channel, _ body: @escaping @Sendable () -> Void) -> Int {
    let (ticket, hasLeft) = state.withLock { state in
      state.count += 1
      let hasLeft = state.hasLeft(channel)
      if !hasLeft { state.connections[ObjectIdentifier(channel)]?.onLeave[state.count] = body }
      return (state.count, hasLeft)
    }
    if hasLeft { body() }
    return ticket
  }

  func forget(_ ticket: Int, of channel: any Channel) {
    state.withLock { _ = $0.connections[ObjectIdentifier(channel)]?.onLeave.removeValue(forKey: ticket) }
  }

  /// Runs `body`, cancelled when the client of `channel` goes away.
  func whileConnected<T: Sendable>(
    _ channel: any Channel, _ body: @escaping @Sendable () async throws -> T
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
  func refuse(_ channel: any Channel, taking bytes: Int = 1 << 20) {
    state.withLock { $0.connections[ObjectIdentifier(channel)]?.leftToDiscard = bytes }
  }

  /// - Returns: whether the connection has had enough
  func discards(_ bytes: Int, from channel: any Channel) -> Bool {
    let id = ObjectIdentifier(channel)
    return state.withLock { state in
      guard let left = state.connections[id]?.leftToDiscard else { return false }
      state.connections[id]?.leftToDiscard = left - bytes
      return left - bytes <= 0
    }
  }
}
