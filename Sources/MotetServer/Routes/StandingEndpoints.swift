import Hummingbird
import MotetAdapters
import MotetFormats

/// `GET /`: what this is.
struct RootEndpoint: Endpoint {
  let method = HTTPRequest.Method.get
  let path = "/"
  let access = Access.open
  let operation = Operation(
    summary: "Say what this is.", tag: "server", results: [Operation.text("A line for people.")])

  func respond(to request: Request, _ context: ServerContext) -> Response {
    .text(
      "motet \(motetVersion): one base model, many adapters, OpenAI's API; GET /openapi.json says what it does\n"
    )
  }
}

/// `GET /health`: the process runs.
struct HealthEndpoint: Endpoint {
  let method = HTTPRequest.Method.get
  let path = "/health"
  let access = Access.open
  let operation = Operation(
    summary: "Say that the process runs.", tag: "server",
    results: [Operation.json(Schema.object(["status": Schema.constant("ok")], required: ["status"]))])

  func respond(to request: Request, _ context: ServerContext) -> Response { .json(["status": "ok"]) }
}

/// `GET /ready`: new work is taken.
struct ReadyEndpoint: Endpoint {
  let parts: ServerParts
  let method = HTTPRequest.Method.get
  let path = "/ready"
  let access = Access.open
  let operation = Operation(
    summary: "Say whether new work is taken.", tag: "server",
    results: [
      Operation.json(
        Schema.object(
          ["status": Schema.constant("ready"), "running": Schema.integer(0), "waiting": Schema.integer(0)],
          required: ["status", "running", "waiting"]))
    ], errors: [503])

  func respond(to request: Request, _ context: ServerContext) async throws -> Response {
    let status = await parts.service.status()
    guard !status.isDraining else {
      throw APIError(
        .serviceUnavailable, "the server is shutting down", type: "server_error", code: "draining",
        headers: [.retryAfter: "5"])
    }
    return .json(["status": "ready", "running": .int(status.running), "waiting": .int(status.waiting)])
  }
}

/// `GET /openapi.json`: what all routes take and give.
struct OpenAPIEndpoint: Endpoint {
  let document: String
  let method = HTTPRequest.Method.get
  let path = "/openapi.json"
  let access = Access.open
  let operation = Operation(
    summary: "Give this document.", tag: "server", results: [Operation.json(Schema.anyObject)])

  func respond(to request: Request, _ context: ServerContext) -> Response {
    .text(document, type: "application/json")
  }
}

/// `GET /metrics`: counts and times for Prometheus. A key that is limited to some adapters gets the series of these and of
/// the base; what is counted of the process as a whole, everybody who may read metrics gets.
struct MetricsEndpoint: Endpoint {
  let parts: ServerParts
  let registry: PrometheusRegistry
  let method = HTTPRequest.Method.get
  let path = "/metrics"
  let access = Access.admin
  let operation = Operation(
    summary: "Give counts and times for Prometheus, by adapter of those that the key may use.", tag: "server",
    results: [Operation.text("Prometheus' text format 0.0.4.")])

  func respond(to request: Request, _ context: ServerContext) async throws -> Response {
    parts.metrics.take(
      await parts.service.status(), connections: parts.watch.count,
      adapters: (try? await parts.service.adapters()) ?? [])
    let scope = context.caller.scope
    // How many there are of all keys together is not one key's to know.
    let hidden: Set = scope.isLimited ? ["motet_adapters", "motet_adapters_loaded"] : []
    return .text(
      registry.text(without: hidden) { scope.allows($0) }, type: PrometheusText.contentType)
  }
}
