import Hummingbird
import MotetFormats

/// `POST /tokenize`, with vLLM's `prompt` or `messages`, llama.cpp's `content` or LoRAX's `inputs`.
struct TokenizeEndpoint: Endpoint {
  let parts: ServerParts
  let method = HTTPRequest.Method.post
  let path = "/tokenize"
  let access = Access.key
  /// Of the fields for what is turned into tokens a request has one.
  private static let ways = ["prompt", "messages", "content", "inputs"]

  let operation = Operation(
    summary: "Turn a text or a conversation into tokens.", tag: "motet",
    body: Schema.object(
      [
        "prompt": Schema.string, "content": Schema.string, "inputs": Schema.string, "model": Schema.string,
        "messages": Schema.array(of: Schema.reference("Message"), least: 1),
        "add_generation_prompt": Schema.boolean,
      ], requiringOneOf: Self.ways),
    results: [
      Operation.json(
        Schema.object(
          [
            "tokens": Schema.array(of: Schema.integer(0)), "token_strs": Schema.array(of: Schema.string),
            "count": Schema.integer(0), "max_model_len": Schema.integer(1),
          ], required: ["tokens", "token_strs", "count", "max_model_len"]))
    ])

  func respond(to request: Request, _ context: ServerContext) async throws -> Response {
    let fields = try await request.json(parts, context).fields
    try fields.checkUnused(["model"])
    let given = Self.ways.filter { fields[$0] != nil }
    guard given.count <= 1 else {
      throw fields.failure(given[1], "stands beside \"\(given[0])\": give one of them")
    }
    let addsPrompt = try fields.bool("add_generation_prompt") ?? true
    let body = try await parts.prepare(context) {
      let encoder = parts.encoder(most: parts.service.context)
      let tokens: [Int32]
      if fields["messages"] != nil {
        tokens = try await encoder.encode(
          ChatMessages.read(fields, "messages", parts.limits), addGenerationPrompt: addsPrompt,
          parameter: "messages")
      } else {
        let name = given.first ?? "prompt"
        tokens = try await encoder.encode(try fields.required(name), parameter: name)
      }
      return try await parts.texts.run { answer(tokens) }
    }
    return .text(body, type: "application/json")
  }

  private func answer(_ tokens: [Int32]) -> String {
    let tokenizer = parts.service.tokenizer
    let body: JSONValue = [
      "tokens": .array(tokens.map { .int(Int($0)) }),
      "token_strs": .array(tokens.map { .string(tokenizer.decode([$0])) }), "count": .int(tokens.count),
      "max_model_len": .int(parts.service.context),
    ]
    return body.text()
  }
}

/// `POST /detokenize`: the text as vLLM (`prompt`) and llama.cpp (`content`) call it.
struct DetokenizeEndpoint: Endpoint {
  let parts: ServerParts
  let method = HTTPRequest.Method.post
  let path = "/detokenize"
  let access = Access.key
  var operation: Operation {
    Operation(
      summary: "Turn tokens into text.", tag: "motet",
      body: Schema.object(
        ["tokens": Schema.tokens(parts.service.tokenizer.vocabularySize, least: 0), "model": Schema.string],
        required: ["tokens"]),
      results: [
        Operation.json(
          Schema.object(
            ["prompt": Schema.string, "content": Schema.string], required: ["prompt", "content"]))
      ])
  }

  func respond(to request: Request, _ context: ServerContext) async throws -> Response {
    let fields = try await request.json(parts, context).fields
    try fields.checkUnused(["model"])
    guard let value = fields["tokens"] else {
      throw fields.failure("tokens", "is missing: give a list of tokens")
    }
    if case .array(let tokens) = value, tokens.count > parts.limits.detokenizedTokens {
      throw fields.failure(
        "tokens", "has \(tokens.count) tokens: give at most \(parts.limits.detokenizedTokens)")
    }
    let tokenizer = parts.service.tokenizer
    let tokens = try PromptInput.ids(value, fields, "tokens", tokenizer)
    let text = JSONValue.string(
      try await parts.prepare(context) { try await parts.texts.run { tokenizer.decode(tokens) } })
    return .json(["prompt": text, "content": text])
  }
}
