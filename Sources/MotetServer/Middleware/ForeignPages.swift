import HTTPTypes
import Hummingbird

/// On a server without keys, refuses what a web page of another site has a browser send: there is nothing else to tell a
/// page's requests from those of its own clients.
///
/// A page's site stands in Origin; a site whose name was made to lead here stands in Host; what is sent without either by
/// an image or a form stands in Sec-Fetch-Site.
struct ForeignPages: RouterMiddleware {
  typealias Context = ServerContext

  let hosts: HostRule
  let origins: OriginRule

  func handle(
    _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    try check(request)
    return try await next(request, context)
  }

  /// - Throws: ``APIError``, 403
  func check(_ request: Request) throws {
    let headers = request.headers
    // Of two hosts the one that is looked at may not be the one that was meant. HTTP/1.0 needs none; browsers send it.
    let hosts = [request.head.authority].compactMap { $0 } + headers[values: .host]
    guard hosts.allSatisfy(self.hosts.allows) else {
      throw Self.refusal(
        "the server is not called \"\(hosts.first { !self.hosts.allows($0) }?.shown(100) ?? "")\" in Host: use localhost, or start it with --allow-host NAME or with --api-keys",
        code: "foreign_host")
    }
    if let origin = headers[.origin] {
      guard origins.allows(origin) || isOwn(origin, hosts.first) else {
        throw Self.refusal(
          "pages of \"\(origin.shown(100))\" may not use this server: start it with --allow-origin ORIGIN, or with --api-keys",
          code: "foreign_origin")
      }
      return
    }
    guard let site = headers[.fetchSite], site != "same-origin", site != "none", !origins.allowsAll else {
      return
    }
    // A person may follow a link to what only reads.
    let isFollowed =
      headers[.fetchMode] == "navigate" && (request.method == .get || request.method == .head)
    guard isFollowed else {
      throw Self.refusal(
        "another site's page may not use this server: start it with --allow-origin ORIGIN, or with --api-keys",
        code: "foreign_origin")
    }
  }

  /// Whether a page is the server's own: its site is what the client calls the server.
  private func isOwn(_ header: String, _ authority: String?) -> Bool {
    guard let origin = WebOrigin(header), let host = origin.host, let own = authority.flatMap(HostName.init)
    else { return false }
    return host.name == own.name && origin.port == (own.port ?? (origin.scheme == "https" ? 443 : 80))
  }

  private static func refusal(_ message: String, code: String) -> APIError {
    APIError(.forbidden, message, type: "permission_error", code: code)
  }
}

extension HTTPField.Name {
  static let host = known("Host")
  static let fetchSite = known("Sec-Fetch-Site")
  static let fetchMode = known("Sec-Fetch-Mode")
}
