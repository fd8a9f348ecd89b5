import HTTPTypes
import Hummingbird
import Synchronization
import Tracing

/// Makes a span of each request, from its head to the last byte of its answer, in the trace that the client's headers
/// name (`traceparent`, as far as the tracer reads it).
///
/// Its name, status and attributes are those of OpenTelemetry: `POST /v1/chat/completions`, an error for 5xx alone and
/// for an answer that was cut. Hummingbird's own middleware stands around errors that are thrown, and here they are
/// answers by then.
/// Sources: https://opentelemetry.io/docs/specs/semconv/http/http-spans/ and …/gen-ai/gen-ai-spans/
struct RequestSpan: RouterMiddleware {
  typealias Context = ServerContext

  private static let methods: Set<HTTPRequest.Method> = [
    .get, .head, .post, .put, .delete, .connect, .options, .trace, .patch,
  ]

  /// nil: the process's own.
  let tracer: (any Tracer)?

  func handle(
    _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    let tracer = tracer ?? InstrumentationSystem.tracer
    var parent = ServiceContext.current ?? .topLevel
    tracer.extract(request.headers, into: &parent, using: HeaderExtractor())
    // Anything may be sent for one.
    let method = Self.methods.contains(request.method) ? request.method.rawValue : "_OTHER"
    let open = OpenSpan(
      tracer.startSpan(method == "_OTHER" ? "HTTP" : method, context: parent, ofKind: .server), context.notes)
    let span = open.span
    span.attributes["http.request.method"] = method
    span.attributes["url.path"] = request.uri.path.shown(200)
    span.attributes["motet.request_id"] = context.requestID
    do {
      var response = try await ServiceContext.$current.withValue(span.context) {
        try await next(request, context)
      }
      // Where there is none, Hummingbird has a word of its own for it.
      if let route = context.endpointPath, route.hasPrefix("/") {
        span.operationName = "\(method) \(route)"
        span.attributes["http.route"] = route
      }
      let status = Int(response.status.code)
      span.attributes["http.response.status_code"] = status
      if status >= 500 { open.fail("\(status)") }
      let body = response.body
      response.body = ResponseBody(contentLength: body.contentLength) { writer in
        defer { open.end() }
        do { try await body.write(writer) } catch {
          open.fail("cut")
          throw error
        }
      }
      return response
    } catch {
      open.fail("\(type(of: error))")
      throw error
    }
  }
}

/// Ends its span once, at the latest when nobody has it any more: a body may never be written.
private final class OpenSpan: Sendable {
  let span: any Span
  private let notes: RequestNotes
  private let hasEnded = Mutex(false)

  init(_ span: any Span, _ notes: RequestNotes) {
    self.span = span
    self.notes = notes
  }

  deinit { end() }

  func fail(_ type: String) {
    span.setStatus(SpanStatus(code: .error))
    span.attributes["error.type"] = type
  }

  /// With what the route has learnt on the way.
  func end() {
    let isFirst = hasEnded.withLock { hasEnded in
      defer { hasEnded = true }
      return !hasEnded
    }
    guard isFirst else { return }
    let facts = notes.all
    for (name, attribute) in [("model", "gen_ai.request.model"), ("mix", "motet.mix")] {
      if let fact = facts[name] { span.attributes[attribute] = "\(fact)" }
    }
    for (name, attribute) in [
      ("prompt_tokens", "gen_ai.usage.input_tokens"), ("completion_tokens", "gen_ai.usage.output_tokens"),
    ] {
      if let fact = facts[name], let count = Int("\(fact)") { span.attributes[attribute] = count }
    }
    if let fact = facts["finish"] { span.attributes["gen_ai.response.finish_reasons"] = ["\(fact)"] }
    span.end()
  }
}

/// Reads what a tracer asks for out of a request's headers.
private struct HeaderExtractor: Extractor {
  func extract(key: String, from headers: HTTPFields) -> String? {
    HTTPField.Name(key).flatMap { headers[$0] }
  }
}
