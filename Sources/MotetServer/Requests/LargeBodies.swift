import Synchronization

/// Counts the long bodies that are being read, so that many at once do not take the memory that answers need, and no one
/// client all the places.
final class LargeBodies: Sendable {
  /// Why there is no place.
  enum Refusal: Error {
    /// As many are read as may be.
    case full
    /// As many of this client's.
    case fullForClient
  }

  private struct Counts {
    var all = 0
    var ofClients: [String: Int] = [:]
  }

  private let counts = Mutex(Counts())
  private let most: Int
  private let mostOfClient: Int

  init(most: Int, mostOfClient: Int) {
    self.most = most
    self.mostOfClient = mostOfClient
  }

  /// - Throws: ``Refusal``
  fileprivate func begin(_ client: String) throws(Refusal) {
    try counts.withLock { counts throws(Refusal) in
      guard counts.all < most else { throw .full }
      guard counts.ofClients[client, default: 0] < mostOfClient else { throw .fullForClient }
      counts.all += 1
      counts.ofClients[client, default: 0] += 1
    }
  }

  fileprivate func end(_ client: String) {
    counts.withLock { counts in
      counts.all -= 1
      counts.ofClients[client, default: 0] -= 1
      if counts.ofClients[client] == 0 { counts.ofClients[client] = nil }
    }
  }
}

/// One body's place among the long ones; none as long as it is short.
final class LargeBody: Sendable {
  private let all: LargeBodies
  private let client: String
  private let isCounted = Mutex(false)

  init(_ all: LargeBodies, of client: String) {
    self.all = all
    self.client = client
  }

  /// - Throws: ``LargeBodies/Refusal`` when there is no place
  func begin() throws(LargeBodies.Refusal) {
    try isCounted.withLock { isCounted throws(LargeBodies.Refusal) in
      guard !isCounted else { return }
      try all.begin(client)
      isCounted = true
    }
  }

  func end() {
    isCounted.withLock { isCounted in
      if isCounted { all.end(client) }
      isCounted = false
    }
  }
}
