import Hummingbird

/// One address and what it does: to add one, write its file and its line in ``Endpoints``.
protocol Endpoint: Sendable {
  var method: HTTPRequest.Method { get }
  /// As OpenAPI writes it: `/v1/models/{id}`.
  var path: String { get }
  var access: Access { get }
  var operation: Operation { get }
  /// How its errors are written.
  var errorShape: ErrorShape { get }
  func respond(to request: Request, _ context: ServerContext) async throws -> Response
}

extension Endpoint {
  var errorShape: ErrorShape { .openAI }

  /// The part of the path that `{name}` stands for, percent signs resolved.
  func parameter(_ name: String, _ context: ServerContext) throws -> String {
    guard let text = context.parameters.get(name)?.removingPercentEncoding, !text.isEmpty else {
      throw APIError(
        .notFound, "the address names nothing this server has", parameter: name, code: "not_found")
    }
    return text
  }
}
