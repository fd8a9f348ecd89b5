import Hummingbird
import MotetFormats
import MotetServing

/// `POST /completion`, as llama.cpp's server has it.
struct LlamaCompletionEndpoint: Endpoint {
  let parts: ServerParts
  let method = HTTPRequest.Method.post
  let path = "/completion"
  let access = Access.key

  private static let undone = [
    "grammar", "n_keep", "n_indent", "t_max_predict_ms", "mirostat", "typical_p", "dynatemp_range",
    "xtc_probability",
    "dry_multiplier", "samplers", "image_data", "post_sampling_probs", "n_cmpl",
  ]

  var operation: Operation {
    var fields = Schemas.sampling(parts.limits)
    for name in [
      "n", "max_tokens", "stream_options", "response_format", "repetition_penalty", "user", "cache_salt",
    ] { fields[name] = nil }
    let tokens = Schema.tokens(parts.service.tokenizer.vocabularySize)
    fields["prompt"] = Schema.one(of: [
      Schema.text(least: 1), tokens, Schema.array(of: Schema.text(least: 1), least: 1, most: 1),
      Schema.array(of: tokens, least: 1, most: 1),
    ])
    fields["n_predict"] = Schema.one(of: [Schema.constant(-1), Schemas.answerTokens(parts.limits)])
    fields["repeat_penalty"] = Schema.number(0.01, 100)
    fields["json_schema"] = Schema.anyObject
    return Operation(
      summary: "Continue a text.", tag: "llama.cpp",
      body: Schema.object(
        fields, required: ["prompt"], rules: [Schemas.oneWay(base: parts.service.baseName)]),
      results: [
        Operation.answer(
          Schema.object(
            [
              "content": Schema.string, "stop": Schema.boolean, "model": Schema.string,
              "motet": Schema.reference("Motet"), "stopping_word": Schema.string,
              "stop_type": Schema.values(["eos", "word", "limit"]),
            ],
            required: ["content", "stop"]))
      ], errors: [404, 422, 429, 503, 504])
  }

  func respond(to request: Request, _ context: ServerContext) async throws -> Response {
    let body = try await request.json(parts, context)
    let fields = body.fields
    try fields.refuse(Self.undone, harmless: [0, 0.0])
    try fields.refuse(["n_probs"], harmless: [0])
    let tokenizer = parts.service.tokenizer
    let settings = try await parts.settings(of: body, context) {
      try self.settings(body, vocabulary: tokenizer.vocabularySize)
    }
    let prompts = try await parts.prepare(context) {
      try await PromptInput.read(fields, "prompt", parts.encoder(), most: 1)
    }
    let choice = try await choice(fields, text: prompts[0].text(tokenizer), context)
    let job = try parts.job(
      "cmpl-", settings, model: fields.string("model"), prompts: prompts.map(\.tokens), choice: choice,
      parameter: "prompt")
    if try fields.bool("stream") ?? false { return try await parts.stream(job, context, as: LlamaShape()) }
    let answers = try await parts.whole(job, context)
    return .json(LlamaShape().whole(answers[0], job), headers: [.motetMix: answers[0].mix.description])
  }

  /// What the request says, or where it names no adapters what stands for such requests; `lora: []` names none on purpose.
  private func choice(
    _ fields: RequestFields, text: String, _ context: ServerContext
  ) async throws -> MixChoice {
    let choice = try await parts.chooser(for: context.caller).choose(fields, text: text)
    guard choice.mix.terms.isEmpty, choice.route == nil, fields["lora"] == nil else { return choice }
    let list = try await LoraList(of: parts.service, for: context.caller)
    return MixChoice(try LoraList.mix(parts.scales.scales(in: list), parts.limits))
  }

  private func settings(_ body: JSONBody, vocabulary: Int) throws -> AnswerSettings {
    let fields = body.fields
    var settings = AnswerSettings()
    settings.sampling = try AnswerSettings.sampling(
      fields, vocabulary: vocabulary, limits: parts.limits)
    // llama.cpp's own defaults, which its clients count on.
    if fields["temperature"] == nil { settings.sampling.temperature = 0.8 }
    if fields["top_k"] == nil { settings.sampling.topK = 40 }
    if fields["top_p"] == nil { settings.sampling.topP = 0.95 }
    if fields["min_p"] == nil { settings.sampling.minP = 0.05 }
    if fields["seed"] == .int(-1) { settings.sampling.seed = nil }
    settings.sampling.repetitionPenalty = try fields.number("repeat_penalty", in: 0.01...100) ?? 1
    let count = try fields.integer("n_predict", in: -1...(parts.limits.answerTokens ?? Int(Int32.max))) ?? -1
    guard count != 0 else {
      throw fields.failure("n_predict", "is 0: give at least 1, or -1 for all that fits")
    }
    settings.maximumTokens = count < 0 ? nil : count
    settings.stopStrings = try AnswerSettings.stop(fields, "stop", limits: parts.limits)
    settings.ignoresEnd = try fields.bool("ignore_eos") ?? false
    if let schema = try fields.object("json_schema"), !schema.members.isEmpty {
      settings.format = .schema(try AnswerSettings.schema(body, at: ["json_schema"]))
    }
    return settings
  }
}
