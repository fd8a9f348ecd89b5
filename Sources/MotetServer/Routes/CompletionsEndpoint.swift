import Hummingbird
import MotetFormats
import MotetServing

/// `POST /v1/completions`
struct CompletionsEndpoint: Endpoint {
  let parts: ServerParts
  let method = HTTPRequest.Method.post
  let path = "/v1/completions"
  let access = Access.key

  var operation: Operation {
    var fields = Schemas.sampling(parts.limits)
    let tokens = Schema.tokens(parts.service.tokenizer.vocabularySize)
    fields["prompt"] = Schema.one(of: [
      Schema.text(least: 1), tokens,
      Schema.array(of: Schema.text(least: 1), least: 1, most: parts.limits.prompts),
      Schema.array(of: tokens, least: 1, most: parts.limits.prompts),
    ])
    fields["echo"] = Schema.boolean
    fields["logprobs"] = Schema.integer(0, 20)
    return Operation(
      summary: "Continue a text.", tag: "OpenAI",
      body: Schema.object(
        fields, required: ["prompt"],
        rules: [Schemas.streaming, Schemas.oneWay(base: parts.service.baseName)]),
      results: [Operation.answer(Self.schema)], errors: [404, 422, 429, 503, 504])
  }

  private static let schema = Schema.object(
    [
      "id": Schema.string, "object": Schema.constant("text_completion"), "created": Schema.integer(0),
      "model": Schema.string, "usage": Schema.reference("Usage"), "motet": Schema.reference("Motet"),
      "choices": Schema.array(
        of: Schema.object(
          [
            "index": Schema.integer(0), "finish_reason": Schema.values(["stop", "length"]),
            "text": Schema.string,
          ],
          required: ["index", "finish_reason", "text"]), least: 1),
    ], required: ["id", "object", "created", "model", "choices", "usage"])

  func respond(to request: Request, _ context: ServerContext) async throws -> Response {
    let body = try await request.json(parts, context)
    let fields = body.fields
    try fields.refuse(["suffix"], harmless: [""])
    let tokenizer = parts.service.tokenizer
    var settings = try await parts.settings(of: body, context) {
      try AnswerSettings(openAI: body, limits: parts.limits, vocabulary: tokenizer.vocabularySize)
    }
    // OpenAI's own default, which vLLM keeps.
    settings.maximumTokens = try AnswerSettings.tokens(fields, "max_tokens", limits: parts.limits) ?? 16
    settings.logprobs = try fields.integer("logprobs", in: 0...20)
    let echoes = try fields.bool("echo") ?? false
    guard !echoes || settings.logprobs == nil else {
      throw APIError.unsupported("echo", "leave it out, or ask for no logprobs with it")
    }
    let streaming = try StreamOptions(fields)
    let prompts = try await parts.prepare(context) {
      try await PromptInput.read(fields, "prompt", parts.encoder(), most: parts.limits.prompts)
    }
    guard prompts.count * settings.choices <= parts.limits.prompts else {
      throw fields.failure(
        "n", "asks for \(prompts.count * settings.choices) answers: at most \(parts.limits.prompts) are given"
      )
    }
    let choice = try await parts.chooser(for: context.caller).choose(
      fields, text: prompts.count == 1 ? prompts[0].text(tokenizer) : nil)
    let job = try parts.job(
      "cmpl-", settings, model: fields.string("model"), prompts: prompts.map(\.tokens), choice: choice,
      parameter: "prompt")
    let shape = CompletionShape(
      tokenizer: tokenizer, tellsLogprobs: settings.logprobs != nil, tellsUsage: streaming.includesUsage,
      echoes: echoes ? prompts.map { $0.text(tokenizer) } : [])
    if streaming.isOn { return try await parts.stream(job, context, as: shape) }
    let answers = try await parts.whole(job, context)
    return .json(shape.whole(job, answers), headers: [.motetMix: answers[0].mix.description])
  }
}
