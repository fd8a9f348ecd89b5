import Hummingbird

/// Turns whatever a route throws into the API's error body, and logs what is ours.
struct ErrorBodies: RouterMiddleware {
  typealias Context = ServerContext

  let watch: ConnectionWatch
  let limits: ServerLimits
  let methods: AllowedMethods
  /// Of the addresses that do not write them in OpenAI's way, by the parts of their path.
  private let shapes: [[Substring]: ErrorShape]

  init(watch: ConnectionWatch, limits: ServerLimits, endpoints: [any Endpoint]) {
    self.watch = watch
    self.limits = limits
    methods = AllowedMethods(endpoints)
    shapes = Dictionary(endpoints.map { ($0.path.split(separator: "/"), $0.errorShape) }) { first, _ in first
    }
  }

  func handle(
    _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    do { return try await next(request, context) } catch {
      var answer = wrongMethod(error, request) ?? APIError(error) ?? .internalFailure
      if answer.code == APIError.cut.code, watch.hasLeft(context.connection) { answer = .clientGone }
      if answer.status.code >= 500, answer.status != .serviceUnavailable {
        context.logger.error("failed", error: error, metadata: context.notes.all)
      } else {
        context.notes.note("reason", answer.message.shown(500))
      }
      // What of a long body is not read yet will not be.
      let length = request.headers[.contentLength].flatMap { Int($0) } ?? 0
      if length > limits.bodyBytes || request.headers[.contentLength].map({ Int($0) == nil }) == true {
        answer.headers[.connection] = "close"
      }
      if answer.headers[.connection] == "close" {
        // A client that may come again is let to send all of it, so that it reads why and when.
        let mayRetry = answer.status == .tooManyRequests
        watch.refuse(context.connection, taking: mayRetry ? max(limits.bodyBytes, 1 << 20) : 1 << 20)
      }
      let shape = shapes[request.uri.path.split(separator: "/")] ?? .openAI
      return .json(answer.body(shape), status: answer.status, headers: answer.headers)
    }
  }
  /// The router says 404 for both.
  private func wrongMethod(_ error: any Error, _ request: Request) -> APIError? {
    guard let error = error as? HTTPError, error.status == .notFound,
      let allowed = methods.at(request.uri.path)
    else { return nil }
    return APIError(
      .methodNotAllowed, "this address takes \(allowed)", code: "method_not_allowed",
      headers: [.allow: allowed])
  }
}
