import Hummingbird
import Synchronization

/// Who may call a route.
enum Access: Sendable {
  /// Anyone who reaches the server.
  case open
  /// The holder of any key.
  case key
  /// The holder of an admin key.
  case admin
}

/// Finds out who asks, and whether they may.
struct Authorization: Sendable {
  let keys: StandingKeys?
  let rates = RateLimiter()

  /// - Throws: ``APIError``: 401 without a key that is known, 403 for one that may not, 429 for one that asks too often
  func caller(of request: Request, for access: Access) throws -> Caller {
    guard let keys, access != .open else { return keys == nil ? .anyone : .stranger }
    guard let presented = Self.presented(request) else {
      throw Self.refusal("give a key: Authorization: Bearer KEY", code: "missing_api_key")
    }
    guard let key = keys.ring.key(presented) else {
      throw Self.refusal("the key is not known here", code: "invalid_api_key")
    }
    if let rate = key.requestsPerMinute, let seconds = rates.take(key.name, perMinute: rate) {
      throw APIError.tooMany(
        "the key \(key.name) may ask \(rate) times a minute; try again in \(Int(seconds.rounded(.up))) s",
        seconds: Int(seconds.rounded(.up)))
    }
    guard access != .admin || key.isAdmin else {
      throw APIError(
        .forbidden, "this needs an admin key", type: "permission_error", code: "admin_only")
    }
    return Caller(key)
  }

  private static func presented(_ request: Request) -> String? {
    if let header = request.headers[.authorization] {
      let words = header.split(separator: " ", maxSplits: 1)
      return words.count == 2 && words[0].lowercased() == "bearer" ? String(words[1]) : nil
    }
    return request.headers[.apiKey]
  }

  private static func refusal(_ message: String, code: String) -> APIError {
    APIError(
      .unauthorized, message, type: "authentication_error", code: code, headers: [.wwwAuthenticate: "Bearer"])
  }
}

/// The keys that are taken now; a new file of them takes the place of the old one whole.
final class StandingKeys: Sendable {
  private let state: Mutex<KeyRing>

  init(_ ring: KeyRing) { state = Mutex(ring) }

  var ring: KeyRing { state.withLock { $0 } }

  /// - Returns: the names of keys that are new or changed, and of keys that are no longer accepted
  func replace(with ring: KeyRing) -> (new: [String], gone: [String]) {
    let old = state.withLock { state in
      defer { state = ring }
      return state
    }
    let names = Set(ring.keys.map(\.name))
    return (
      ring.keys.filter { key in !old.keys.contains(key) }.map(\.name),
      old.keys.map(\.name).filter { !names.contains($0) }
    )
  }
}
