import Foundation

/// Which requests go through a proxy: what `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say, in capitals or not.
public struct ProxySettings: Sendable, Equatable {
  /// One proxy: `http://HOST:PORT`, with a name and a password if it asks for them.
  public struct Proxy: Sendable, Hashable {
    public var host: String
    public var port: Int
    public var user: String?
    public var password: String?

    /// `HOST:PORT`; a password stays out of messages.
    public var name: String { "\(host):\(port)" }
  }

  public var https: Proxy?
  public var http: Proxy?
  /// Hosts that are reached without a proxy, and domains with all their hosts; `*` is every host.
  public var exceptions: [String] = []

  public init() {}

  /// - Throws: ``HubError/badProxy(_:)``
  public init(_ environment: [String: String]) throws {
    func value(_ name: String) -> String? {
      [name.lowercased(), name].lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
    }
    https = try (value("HTTPS_PROXY") ?? value("ALL_PROXY")).map(Self.proxy)
    http = try (value("HTTP_PROXY") ?? value("ALL_PROXY")).map(Self.proxy)
    exceptions = (value("NO_PROXY") ?? "").split(separator: ",").map {
      $0.trimmingCharacters(in: .whitespaces).lowercased()
    }
  }

  /// The proxy for `url`; nil if it is reached without one, as this machine itself always is.
  func proxy(for url: URL) -> Proxy? {
    guard let proxy = url.scheme?.lowercased() == "https" ? https : http, let host = url.host?.lowercased()
    else { return nil }
    if ["localhost", "127.0.0.1", "::1", "[::1]"].contains(host) { return nil }
    let isException = exceptions.contains { exception in
      let domain = exception.drop { $0 == "." || $0 == "*" }
      return exception == "*" || (!domain.isEmpty && (host == domain || host.hasSuffix("." + domain)))
    }
    return isException ? nil : proxy
  }

  private static func proxy(_ text: String) throws -> Proxy {
    let full = text.contains("://") ? text : "http://" + text
    guard let url = URL(string: full), url.scheme?.lowercased() == "http", let host = url.host, !host.isEmpty
    else { throw HubError.badProxy(withoutPassword(text)) }
    return Proxy(
      host: host, port: url.port ?? 80, user: url.user, password: url.password?.removingPercentEncoding)
  }

  private static func withoutPassword(_ text: String) -> String {
    guard let at = text.lastIndex(of: "@") else { return text }
    return "…" + text[at...]
  }
}
