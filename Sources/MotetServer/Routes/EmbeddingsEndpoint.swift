import Foundation
import Hummingbird
import MotetFormats
import MotetServing

/// `POST /v1/embeddings`: the mean over a text's tokens of the last hidden state.
struct EmbeddingsEndpoint: Endpoint {
  let parts: ServerParts
  let method = HTTPRequest.Method.post
  let path = "/v1/embeddings"
  let access = Access.key

  var operation: Operation {
    let text = Schema.text(least: 1)
    let tokens = Schema.tokens(parts.service.tokenizer.vocabularySize)
    let vector = Schema.one(of: [Schema.array(of: Schema.number), Schema.string])
    return Operation(
      summary: "Turn texts into vectors.", tag: "OpenAI",
      body: Schema.object(
        [
          "model": Schema.string, "encoding_format": Schema.values(["float", "base64"]),
          "user": Schema.string,
          "input": Schema.one(of: [
            text, tokens, Schema.array(of: text, least: 1, most: parts.limits.inputs),
            Schema.array(of: tokens, least: 1, most: parts.limits.inputs),
          ]),
        ], required: ["input"]),
      results: [
        Operation.json(
          Schema.object(
            [
              "object": Schema.constant("list"), "model": Schema.string, "usage": Schema.reference("Usage"),
              "data": Schema.array(
                of: Schema.object(
                  ["object": Schema.constant("embedding"), "index": Schema.integer(0), "embedding": vector],
                  required: ["object", "index", "embedding"])),
            ], required: ["object", "data", "model", "usage"]))
      ], errors: [404, 422, 429, 503, 504])
  }

  func respond(to request: Request, _ context: ServerContext) async throws -> Response {
    let fields = try await request.json(parts, context).fields
    try fields.checkUnused(["user"])
    let isBase64 = try base64(fields)
    let asked = try fields.integer("dimensions", in: 1...Int(Int32.max))
    let inputs = try await parts.prepare(context) {
      try await PromptInput.read(
        fields, "input", parts.encoder(most: parts.service.context), most: parts.limits.inputs
      ).map(\.tokens)
    }
    let most = min(parts.limits.promptTokens ?? parts.service.context, parts.service.context)
    for (index, tokens) in inputs.enumerated() {
      guard !tokens.isEmpty else { throw fields.failure("input[\(index)]", "is empty; give some text") }
      guard tokens.count <= most else {
        throw fields.failure("input[\(index)]", "has \(tokens.count) tokens: at most \(most) are taken")
      }
    }
    let choice = try await parts.chooser(for: context.caller).choose(fields, text: nil)
    let vectors = try await vectors(inputs, choice, context)
    if let asked, let width = vectors.first?.count, asked != width {
      throw APIError.unsupported("dimensions", "the vectors of this base have \(width); leave it out")
    }
    let tokens = inputs.reduce(0) { $0 + $1.count }
    return .json(
      [
        "object": "list", "model": .string(try fields.string("model") ?? parts.service.baseName),
        "data": .array(vectors.enumerated().map { entry($0, $1, isBase64: isBase64) }),
        "usage": ["prompt_tokens": .int(tokens), "total_tokens": .int(tokens)],
      ], headers: [.motetMix: choice.mix.description])
  }

  /// Nobody waits for vectors whose client has gone, nor longer than a request may take.
  private func vectors(
    _ inputs: [[Int32]], _ choice: MixChoice, _ context: ServerContext
  ) async throws -> [[Float]] {
    let (service, seconds) = (parts.service, parts.limits.requestSeconds)
    let share = try parts.shares.begin(
      context.caller, answers: 1, promptTokens: inputs.reduce(0) { $0 + $1.count })
    defer { share.end() }
    let request = ServingRequest(id: context.requestID, prompt: [], mix: choice.mix).sent(by: context.caller)
    return try await parts.known(to: context.caller) {
      try await parts.watch.whileConnected(context.connection) {
        try await within(seconds: seconds, else: APIError.late(seconds)) {
          try await service.embed(inputs, as: request)
        }
      }
    }
  }

  private func base64(_ fields: RequestFields) throws -> Bool {
    switch try fields.string("encoding_format") ?? "float" {
    case "float": return false
    case "base64": return true
    case let other:
      throw fields.failure("encoding_format", "is \"\(other.shown(40))\": give float or base64")
    }
  }

  private func entry(_ index: Int, _ vector: [Float], isBase64: Bool) -> JSONValue {
    let bytes = { vector.flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian, Array.init) } }
    return [
      "object": "embedding", "index": .int(index),
      "embedding": isBase64
        ? .string(Data(bytes()).base64EncodedString()) : .array(vector.map { .double(Double($0)) }),
    ]
  }
}
