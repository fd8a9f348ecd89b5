import Hummingbird
import MotetFormats
import MotetServing

/// `POST /v1/chat/completions`
struct ChatCompletionsEndpoint: Endpoint {
  let parts: ServerParts
  let method = HTTPRequest.Method.post
  let path = "/v1/chat/completions"
  let access = Access.key

  /// Known fields of OpenAI's API and vLLM's that change the answer and are not done.
  private static let undone = [
    "tools", "functions", "function_call", "audio", "prediction", "web_search_options", "documents",
    "chat_template", "chat_template_kwargs", "continue_final_message", "echo", "mm_processor_kwargs",
  ]

  var operation: Operation {
    var fields = Schemas.sampling(parts.limits)
    fields["messages"] = Schema.array(
      of: Schema.reference("Message"), least: 1, most: parts.limits.messages)
    fields["logprobs"] = Schema.boolean
    fields["top_logprobs"] = Schema.integer(0, 20)
    fields["max_completion_tokens"] = fields["max_tokens"]
    return Operation(
      summary: "Answer a conversation.", tag: "OpenAI",
      body: Schema.object(
        fields, required: ["messages"],
        rules: [Schemas.streaming, Schemas.topLogprobs, Schemas.oneWay(base: parts.service.baseName)]),
      results: [Operation.answer(Self.schema)], errors: [404, 422, 429, 503, 504])
  }

  private static let schema = Schema.object(
    [
      "id": Schema.string, "object": Schema.constant("chat.completion"), "created": Schema.integer(0),
      "model": Schema.string, "usage": Schema.reference("Usage"), "motet": Schema.reference("Motet"),
      "choices": Schema.array(
        of: Schema.object(
          [
            "index": Schema.integer(0), "finish_reason": Schema.values(["stop", "length"]),
            "message": Schema.object(
              ["role": Schema.constant("assistant"), "content": Schema.string], required: ["role", "content"]),
          ], required: ["index", "finish_reason", "message"]), least: 1),
    ], required: ["id", "object", "created", "model", "choices", "usage"])

  func respond(to request: Request, _ context: ServerContext) async throws -> Response {
    let body = try await request.json(parts, context)
    let fields = body.fields
    try refuse(fields)
    let messages = try ChatMessages.read(fields, "messages", parts.limits)
    var settings = try await parts.settings(of: body, context) {
      try AnswerSettings(
        openAI: body, limits: parts.limits, vocabulary: parts.service.tokenizer.vocabularySize)
    }
    let older = try AnswerSettings.tokens(fields, "max_tokens", limits: parts.limits)
    settings.maximumTokens =
      try AnswerSettings.tokens(fields, "max_completion_tokens", limits: parts.limits) ?? older
    settings.logprobs = try logprobs(fields)
    let streaming = try StreamOptions(fields)
    let prompt = try await parts.prepare(context) {
      try await parts.encoder().encode(messages, addGenerationPrompt: true, parameter: "messages")
    }
    let choice = try await parts.chooser(for: context.caller).choose(
      fields, text: messages.last { $0.role == "user" }?.content ?? "")
    let job = try parts.job(
      "chatcmpl-", settings, model: fields.string("model"), prompts: [prompt], choice: choice,
      parameter: "messages")
    let shape = ChatShape(
      tokenizer: parts.service.tokenizer, tellsLogprobs: settings.logprobs != nil,
      tellsUsage: streaming.includesUsage)
    if streaming.isOn { return try await parts.stream(job, context, as: shape) }
    let answers = try await parts.whole(job, context)
    return .json(shape.whole(job, answers), headers: [.motetMix: answers[0].mix.description])
  }

  private func refuse(_ fields: RequestFields) throws {
    try fields.refuse(Self.undone)
    try fields.refuse(["tool_choice"], harmless: ["none", "auto"])
    try fields.refuse(["modalities"], harmless: [["text"]])
    if fields["add_generation_prompt"] == false { throw APIError.unsupported("add_generation_prompt") }
  }

  private func logprobs(_ fields: RequestFields) throws -> Int? {
    let top = try fields.integer("top_logprobs", in: 0...20)
    guard try fields.bool("logprobs") ?? false else {
      guard (top ?? 0) == 0 else { throw fields.failure("top_logprobs", "needs logprobs to be true") }
      return nil
    }
    return top ?? 0
  }
}

/// `stream` and `stream_options`.
struct StreamOptions {
  let isOn: Bool
  let includesUsage: Bool

  init(_ fields: RequestFields) throws {
    isOn = try fields.bool("stream") ?? false
    let options = try fields.object("stream_options")
    includesUsage = try options?.bool("include_usage") ?? false
    guard isOn || options == nil else { throw fields.failure("stream_options", "needs stream to be true") }
  }
}
