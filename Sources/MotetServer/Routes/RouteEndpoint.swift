import Hummingbird
import MotetFormats
import MotetRouting

/// `POST /route`: what the router makes of a prompt.
struct RouteEndpoint: Endpoint {
  let parts: ServerParts
  let method = HTTPRequest.Method.post
  let path = "/route"
  let access = Access.key
  let operation = Operation(
    summary: "Say which adapters the router would choose, in shares and percent.", tag: "motet",
    body: Schema.object(["prompt": Schema.text(least: 1)], required: ["prompt"]),
    results: [
      Operation.json(
        Schema.object(
          [
            "router": Schema.string, "mix": Schema.string, "fit": Schema.number,
            "weights": ["type": "object", "additionalProperties": Schema.number(0, 1)],
            "percent": ["type": "object", "additionalProperties": Schema.number(0, 100)],
            "reason": Schema.array(of: Schema.anyObject),
          ], required: ["router", "mix", "weights", "percent", "fit", "reason"]))
    ], errors: [404])

  func respond(to request: Request, _ context: ServerContext) async throws -> Response {
    let fields = try await request.json(parts, context).fields
    let prompt = try fields.required("prompt")
    guard let router = parts.router else {
      throw APIError(.notFound, "the server was started without --router", code: "no_router")
    }
    guard prompt.contains(where: { !$0.isWhitespace }) else {
      throw fields.failure("prompt", "is empty: give some text")
    }
    try parts.encoder().requireRoom(for: [prompt], parameter: "prompt")
    let found = try await parts.prepare(context) { try await router.route(prompt) }
    let route = try await parts.chooser(for: context.caller).visible(found)
    let weights = Dictionary(route.weights.map { ($0.domain, $0.weight) }) { first, _ in first }
    return .json([
      "router": .string(router.kind), "mix": .string(route.mixDescription), "fit": .number(route.fit),
      "weights": .object(weights.mapValues(JSONValue.number)),
      "percent": .object(weights.mapValues { .number(($0 * 1000).rounded() / 10) }),
      "reason": .array(
        route.reason.prefix(16).map { evidence in
          [
            "kind": .string(evidence.kind.rawValue), "text": .string(evidence.text),
            "domain": .string(evidence.domain), "contribution": .number(evidence.contribution),
          ]
        }),
    ])
  }
}
