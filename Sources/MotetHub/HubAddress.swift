import Foundation
import MotetModels

/// The hub's routes for one repository.
struct HubAddress: Sendable {
  private let endpoint: String
  private let repository: String

  init(_ endpoint: URL, _ name: HubName) {
    self.endpoint = endpoint.absoluteString
    repository = name.repository
  }

  /// Says the commit of a revision.
  func revision(_ revision: String) throws -> URL {
    try url("/api/models/\(repository)/revision/\(Self.escaped(revision))")
  }

  /// Lists the files of a commit; `query` is that of a further page.
  func tree(_ commit: String, query: String? = nil) throws -> URL {
    try url("/api/models/\(repository)/tree/\(Self.escaped(commit))?\(query ?? "recursive=true")")
  }

  func file(_ path: String, commit: String) throws -> URL {
    let parts = path.split(separator: "/").map { Self.escaped(String($0)) }
    return try url("/\(repository)/resolve/\(Self.escaped(commit))/\(parts.joined(separator: "/"))")
  }

  private func url(_ path: String) throws -> URL {
    guard let url = URL(string: endpoint + path) else { throw HubError.badEndpoint(endpoint) }
    return url
  }

  private static func escaped(_ text: String) -> String {
    text.addingPercentEncoding(withAllowedCharacters: unreserved) ?? text
  }

  private static let unreserved = CharacterSet(
    charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
}
