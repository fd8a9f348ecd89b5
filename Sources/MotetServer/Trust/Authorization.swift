import Hummingbird

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
  let keys: KeyRing?
  let rates = RateLimiter()

  /// - Throws: ``APIError``: 401 without a key that is known, 403 for one that may not, 429 for one that asks too often
  func caller(of request: Request, for access: Access) throws -> Caller {
    guard let keys, access != .open else { return keys == nil ? .anyone : .stranger }
    guard let presented = Self.presented(request) else {
      throw Self.refusal("give a key: Authorization: Bearer KEY", code: "missing_api_key")
    }
    guard let key = keys.key(presented) else {
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

extension Caller {
  /// Who asks for what is open to all where there are keys.
  static let stranger = Caller(name: nil, scope: AdapterScope(patterns: []), isAdmin: false)
}
