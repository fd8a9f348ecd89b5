import Foundation

/// What a client calls a server in the header Host, or a page's site in the header Origin: the name or address without
/// the port, as browsers write it.
struct HostName: Hashable, Sendable {
  /// In small letters, an IPv6 address in its one spelling and without brackets.
  let name: String
  /// nil where none is written.
  let port: Int?

  /// Reads `localhost:8080`, `[::1]:8080`, `example.org`; nil for anything that is not a host with or without a port.
  init?(_ authority: some StringProtocol) {
    let text = authority.lowercased()
    let host: Substring
    let rest: Substring
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return nil }
      host = text[text.index(after: text.startIndex)..<end]
      rest = text[text.index(after: end)...]
      guard let address = Self.sixth(String(host)) else { return nil }
      name = address
    } else {
      host = text.prefix { $0 != ":" }
      rest = text[host.endIndex...]
      let bare = host.hasSuffix(".") ? host.dropLast() : host
      let isName = bare.utf8.allSatisfy { byte in
        (97...122).contains(byte) || (48...57).contains(byte) || byte == 45 || byte == 46 || byte == 95
      }
      guard !bare.isEmpty, isName else { return nil }
      name = String(bare)
    }
    guard !rest.isEmpty else {
      port = nil
      return
    }
    guard rest.hasPrefix(":"), let number = UInt16(rest.dropFirst()) else { return nil }
    port = Int(number)
  }

  /// A name or an address without brackets or port, as `--host` and `--allow-host` give it.
  init?(bare text: String) {
    self.init(text.contains(":") && !text.hasPrefix("[") ? "[\(text)]" : text)
    guard port == nil else { return nil }
  }

  /// Whether it is this machine, whatever names are looked up.
  var isLoopback: Bool {
    BindRule.isLoopback(name) || name.hasSuffix(".localhost") || name.hasPrefix("::ffff:127.")
  }

  var isAddress: Bool {
    var bytes = in_addr()
    return name.contains(":") || inet_pton(AF_INET, name, &bytes) == 1
  }

  /// An IPv6 address in its one spelling; nil for anything else.
  private static func sixth(_ text: String) -> String? {
    var bytes = in6_addr()
    guard inet_pton(AF_INET6, text, &bytes) == 1 else { return nil }
    var spelled = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    guard inet_ntop(AF_INET6, &bytes, &spelled, socklen_t(spelled.count)) != nil else { return nil }
    return String(decoding: spelled.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// A site as browsers name it: `https://example.org`, `http://localhost:3000`, `null` for a page that has none.
///
/// Source: https://www.rfc-editor.org/rfc/rfc6454, section 6
struct WebOrigin: Hashable, Sendable, CustomStringConvertible {
  /// nil for `null`.
  let scheme: String?
  let host: HostName?

  init?(_ text: String) {
    guard text.lowercased() != "null" else {
      (scheme, host) = (nil, nil)
      return
    }
    guard let colon = text.range(of: "://") else { return nil }
    let scheme = text[..<colon.lowerBound].lowercased()
    let isScheme =
      scheme.utf8.first.map { (97...122).contains($0) } == true
      && scheme.utf8.allSatisfy {
        (97...122).contains($0) || (48...57).contains($0) || [43, 45, 46].contains($0)
      }
    guard isScheme, let host = HostName(text[colon.upperBound...]) else { return nil }
    self.scheme = scheme
    self.host = host
  }

  /// The port that is meant where none is written.
  var port: Int? { host?.port ?? (scheme == "https" ? 443 : scheme == "http" ? 80 : nil) }

  static func == (a: Self, b: Self) -> Bool {
    a.scheme == b.scheme && a.host?.name == b.host?.name && a.port == b.port
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(scheme)
    hasher.combine(host?.name)
    hasher.combine(port)
  }

  var description: String {
    guard let scheme, let host else { return "null" }
    let name = host.name.contains(":") ? "[\(host.name)]" : host.name
    return "\(scheme)://\(name)" + (host.port.map { ":\($0)" } ?? "")
  }
}
