import Foundation
import MotetModels

/// Which hub is asked, as whom and how patiently; by default what the hub's own tools take from the environment.
///
/// `HF_ENDPOINT`, `HF_TOKEN` (or the file `HF_TOKEN_PATH`, by default `token` in `HF_HOME`), `HF_HUB_CACHE`, `HF_HOME`,
/// `HF_HUB_OFFLINE`; `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`; `SSL_CERT_FILE`.
public struct HubSettings: Sendable {
  /// `https://huggingface.co`, without a slash at its end.
  public var endpoint: URL
  public var token: String?
  public var cache: HubCache
  public var isOffline = false
  public var proxies = ProxySettings()
  /// PEM, in place of the system's own; nil for those.
  public var certificates: String?
  public var patience = HubPatience()

  public init(endpoint: URL, token: String? = nil, cache: HubCache) {
    self.endpoint = endpoint
    self.token = token
    self.cache = cache
  }

  /// - Throws: ``HubError/badEndpoint(_:)``, ``HubError/badToken(source:)``, ``HubError/badProxy(_:)``
  public init(environment: [String: String] = ProcessInfo.processInfo.environment) throws {
    let text = environment["HF_ENDPOINT"].flatMap { $0.isEmpty ? nil : $0 } ?? "https://huggingface.co"
    endpoint = try Self.endpoint(text)
    token = try Self.token(environment)
    cache = HubCache(environment)
    isOffline = ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"].contains { variable in
      ["1", "on", "yes", "true"].contains(environment[variable]?.lowercased())
    }
    proxies = try ProxySettings(environment)
    certificates = environment["SSL_CERT_FILE"].flatMap { $0.isEmpty ? nil : $0 }
  }

  private static func endpoint(_ text: String) throws -> URL {
    let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
    let bare = String(trimmed.reversed().drop { $0 == "/" }.reversed())
    guard let url = URL(string: bare), let scheme = url.scheme?.lowercased(),
      ["http", "https"].contains(scheme),
      let host = url.host, !host.isEmpty, url.user == nil, url.query == nil, url.fragment == nil
    else { throw HubError.badEndpoint(text) }
    return url
  }

  private static func token(_ environment: [String: String]) throws -> String? {
    if let token = environment["HF_TOKEN"] ?? environment["HUGGING_FACE_HUB_TOKEN"],
      let clean = try clean(token, source: "HF_TOKEN")
    {
      return clean
    }
    let file =
      HubCache.folder("HF_TOKEN_PATH", environment) ?? HubCache.home(environment).appending(path: "token")
    guard let data = try? Data(contentsOf: file) else { return nil }
    return try clean(String(decoding: data.prefix(4096), as: UTF8.self), source: file.path)
  }

  /// A token goes into a header, where a line break would begin another.
  private static func clean(_ text: String, source: String) throws -> String? {
    let token = text.trimmingCharacters(in: .whitespacesAndNewlines)
    if token.isEmpty { return nil }
    guard token.utf8.count <= 1024, token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw HubError.badToken(source: source)
    }
    return token
  }
}

/// How long the hub is waited for, and how often it is asked again.
public struct HubPatience: Sendable {
  /// Attempts in a row that bring nothing before the pull is given up.
  public var attempts = 5
  /// Seconds before the second attempt; each further pause is twice as long.
  public var firstPause = 0.5
  /// The longest pause that a server may ask for, in seconds.
  public var longestPause = 120.0
  /// Seconds for a connection to stand.
  public var connecting = 10.0
  /// Seconds for an answer to begin, and between two pieces of it.
  public var silence = 60.0

  public init() {}
}
