import Hummingbird
import Logging

/// Counts and logs each request when its answer is out, a stream at its last byte.
struct RequestRecord: RouterMiddleware {
  typealias Context = ServerContext

  let metrics: ServerMetrics

  func handle(
    _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    let began = ContinuousClock.now
    var response = try await next(request, context)
    let (status, method, path) = (Int(response.status.code), request.method.rawValue, request.uri.path)
    let logger = context.logger
    let notes = context.notes
    let route = context.endpointPath ?? "none"
    let metrics = metrics
    let record: @Sendable (Bool) -> Void = { isWhole in
      let seconds = (ContinuousClock.now - began) / .seconds(1)
      metrics.http(method: Self.known(method), route: route, status: status, seconds: seconds)
      var facts = notes.all
      facts["method"] = "\(method)"
      facts["path"] = "\(path.shown(200))"
      facts["status"] = "\(status)"
      facts["seconds"] = "\((seconds * 1e6).rounded() / 1e6)"
      if !isWhole { facts["cut"] = "the client went away" }
      logger.log(level: status >= 500 ? .error : .info, "answered", metadata: facts)
    }
    let body = response.body
    guard body.contentLength == nil else {
      record(true)
      return response
    }
    response.body = ResponseBody { writer in
      do {
        try await body.write(writer)
        record(true)
      } catch {
        record(false)
        throw error
      }
    }
    return response
  }

  /// A method as a label: one that nobody defined would let a client make series at will.
  private static func known(_ method: String) -> String {
    ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT"].contains(method)
      ? method : "other"
  }
}
