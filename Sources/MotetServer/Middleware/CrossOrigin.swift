import HTTPTypes
import Hummingbird

/// Lets pages of the sites that `--allow-origin` names use the server: answers a browser's question before a request,
/// and says on each answer whose pages may read it. Cookies and the like are never asked for.
///
/// Source: https://fetch.spec.whatwg.org/#http-cors-protocol
struct CrossOrigin: RouterMiddleware {
  typealias Context = ServerContext

  let rule: OriginRule
  let methods: AllowedMethods

  /// Headers of requests that pages may send, where a browser does not say which it wants.
  private static let usual = "Authorization, Content-Type, X-Api-Key, X-Request-Id"
  /// Headers of answers that pages may read.
  private static let readable = "X-Motet-Mix, X-Request-Id, Retry-After"

  func handle(
    _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    guard rule.isOpen else { return try await next(request, context) }
    guard let origin = request.headers[.origin], rule.allows(origin) else {
      var response = try await next(request, context)
      vary(&response)
      return response
    }
    var response =
      if request.method == .options, request.headers[.askedMethod] != nil {
        preflight(request)
      } else {
        try await next(request, context)
      }
    response.headers[.accessControlAllowOrigin] = rule.allowsAll ? "*" : origin
    response.headers[.accessControlExposeHeaders] = Self.readable
    vary(&response)
    return response
  }

  /// For `*` an answer is the same to all.
  private func vary(_ response: inout Response) {
    guard !rule.allowsAll else { return }
    response.headers.append(HTTPField(name: .vary, value: "Origin"))
  }

  private func preflight(_ request: Request) -> Response {
    var headers: HTTPFields = [
      .accessControlAllowMethods: methods.at(request.uri.path) ?? "GET, HEAD, POST, PUT, DELETE",
      .accessControlAllowHeaders: asked(request) ?? Self.usual,
      .accessControlMaxAge: "600",
    ]
    // From a public page to a private address, which browsers ask about besides.
    if request.headers[.askedPrivateNetwork] == "true" { headers[.allowedPrivateNetwork] = "true" }
    return Response(status: .noContent, headers: headers)
  }

  /// The headers that the page wants to send, where they are that: clients have some of their own.
  private func asked(_ request: Request) -> String? {
    guard let names = request.headers[.askedHeaders], names.utf8.count <= 2_000 else { return nil }
    let isList = names.utf8.allSatisfy { byte in
      (65...90).contains(byte) || (97...122).contains(byte) || (48...57).contains(byte)
        || [45, 95, 44, 32].contains(byte)
    }
    return isList && !names.isEmpty ? names : nil
  }
}

extension HTTPField.Name {
  static let askedMethod = known("Access-Control-Request-Method")
  static let askedHeaders = known("Access-Control-Request-Headers")
  static let askedPrivateNetwork = known("Access-Control-Request-Private-Network")
  static let allowedPrivateNetwork = known("Access-Control-Allow-Private-Network")
}
