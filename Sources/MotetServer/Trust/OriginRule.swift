/// Whose pages may use the server.
struct OriginRule: Sendable {
  private let origins: Set<WebOrigin>
  /// `*`: every page.
  let allowsAll: Bool

  /// - Throws: ``AnswerServerError/notAnOrigin(_:)``
  init(_ allowed: [String]) throws {
    allowsAll = allowed.contains("*")
    origins = Set(
      try allowed.filter { $0 != "*" }.map { text in
        guard let origin = WebOrigin(text) else { throw AnswerServerError.notAnOrigin(text) }
        return origin
      })
  }

  /// Whether any page of another site may use it.
  var isOpen: Bool { allowsAll || !origins.isEmpty }

  /// - Parameter header: what a browser sends as Origin
  func allows(_ header: String) -> Bool {
    allowsAll || WebOrigin(header).map(origins.contains) ?? false
  }
}

/// What clients may call a server that answers anyone: a page of another site can have its own name lead here (DNS
/// rebinding), and is then told apart by that name alone.
struct HostRule: Sendable {
  private let names: Set<String>
  private let allowsAll: Bool
  /// Listens on all addresses of the machine, so that any address may be its own.
  private let isEverywhere: Bool

  /// - Parameters:
  ///   - host: what the server listens on
  ///   - allowed: more names, `*` for all
  /// - Throws: ``AnswerServerError/notAHost(_:)``
  init(host: String, allowed: [String]) throws {
    allowsAll = allowed.contains("*")
    let more = try allowed.filter { $0 != "*" }.map { text in
      guard let name = HostName(bare: text) else { throw AnswerServerError.notAHost(text) }
      return name.name
    }
    let own = HostName(bare: host)?.name
    isEverywhere = own == "0.0.0.0" || own == "::"
    names = Set(more + (own.map { [$0] } ?? []))
  }

  /// - Parameter header: the header Host
  func allows(_ header: String) -> Bool {
    guard !allowsAll else { return true }
    guard let host = HostName(header) else { return false }
    return host.isLoopback || names.contains(host.name) || (isEverywhere && host.isAddress)
  }
}
