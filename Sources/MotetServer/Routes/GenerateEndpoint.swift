import Hummingbird
import MotetFormats
import MotetServing

/// `POST /generate`, as LoRAX (and text-generation-inference before it) has it.
struct GenerateEndpoint: Endpoint {
  let parts: ServerParts
  let method = HTTPRequest.Method.post
  let path = "/generate"
  let access = Access.key
  let errorShape = ErrorShape.loRAX

  var operation: Operation {
    Operation(
      summary: "Continue a text.", tag: "LoRAX", body: GenerateRequest.schema(parts.limits),
      results: [
        Operation.json(
          Schema.object(
            ["generated_text": Schema.string, "details": Schema.nullable(Schema.anyObject)],
            required: ["generated_text"]))
      ], errors: [404, 422, 429, 503, 504])
  }

  func respond(to request: Request, _ context: ServerContext) async throws -> Response {
    let asked = try await GenerateRequest(request, parts, context)
    let answers = try await parts.whole(asked.job, context)
    let shape = GenerateShape(request: asked, tokenizer: parts.service.tokenizer)
    return .json(shape.whole(answers[0]), headers: [.motetMix: answers[0].mix.description])
  }
}

/// `POST /generate_stream`
struct GenerateStreamEndpoint: Endpoint {
  let parts: ServerParts
  let method = HTTPRequest.Method.post
  let path = "/generate_stream"
  let access = Access.key
  let errorShape = ErrorShape.loRAX

  var operation: Operation {
    Operation(
      summary: "Continue a text, as server-sent events.", tag: "LoRAX",
      body: GenerateRequest.schema(parts.limits),
      results: [
        Operation.Result(meaning: "Server-sent events.", content: ["text/event-stream": Schema.anything])
      ],
      errors: [404, 422, 429, 503, 504])
  }

  func respond(to request: Request, _ context: ServerContext) async throws -> Response {
    let asked = try await GenerateRequest(request, parts, context)
    return try await parts.stream(
      asked.job, context, as: GenerateShape(request: asked, tokenizer: parts.service.tokenizer))
  }
}
