/// Where a server may listen: without keys it is open to all who reach it, so it stays on loopback.
enum BindRule {
  /// - Throws: ``AnswerServerError/openToOthers(host:)``
  static func check(host: String, hasKeys: Bool, insecure: Bool) throws {
    guard !hasKeys, !insecure, !isLoopback(host) else { return }
    throw AnswerServerError.openToOthers(host: host)
  }

  static func isLoopback(_ host: String) -> Bool {
    if host == "localhost" || host == "::1" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }
}

/// Why a server does not start.
public enum AnswerServerError: Error, Equatable, CustomStringConvertible {
  case openToOthers(host: String)
  case cannotListen(address: String, reason: String)
  case notAnOrigin(String)
  case notAHost(String)
  /// Told to end, it waited so long for the answers under way and then cut them.
  case cutAnswers(seconds: Double)

  public var description: String {
    switch self {
    case .openToOthers(let host):
      "without keys the server answers anyone who reaches \(host): give --api-keys FILE (motet keys new makes one), "
        + "stay on 127.0.0.1, or say --insecure"
    case .cannotListen(let address, let reason):
      "cannot listen on \(address): \(reason); choose another --port or --host"
    case .notAnOrigin(let text):
      "--allow-origin \(text): write the site of a page as browsers do, such as https://example.org or http://localhost:3000, or * for all"
    case .notAHost(let text):
      "--allow-host \(text): write a name or an address without port, such as models.example.org, or * for all"
    case .cutAnswers(let seconds):
      "answers that were under way \(Int(seconds)) s after the signal were cut; give them longer with --drain-seconds"
    }
  }
}
