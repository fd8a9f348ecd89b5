import Hummingbird
import MotetFormats
import MotetServing

/// `GET /lora-adapters`, as llama.cpp's server has it: the places that `lora: [{id, scale}]` means.
///
/// No adapter is on unless a request asks for it, so every scale is 0. The list is the caller's own, by name; loading or
/// removing one moves those after it.
struct LoRAAdaptersEndpoint: Endpoint {
  let parts: ServerParts
  let method = HTTPRequest.Method.get
  let path = "/lora-adapters"
  let access = Access.key
  let operation = Operation(
    summary: "List the adapters by number.", tag: "llama.cpp",
    results: [
      Operation.json(
        Schema.array(
          of: Schema.object(
            ["id": Schema.integer(0), "path": Schema.string, "scale": Schema.number],
            required: ["id", "path", "scale"])))
    ])

  func respond(to request: Request, _ context: ServerContext) async throws -> Response {
    let names = try await LoraList.names(of: parts.service, for: context.caller)
    return .json(
      .array(names.enumerated().map { ["id": .int($0), "path": .string($1), "scale": 0] }))
  }
}

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
    fields["prompt"] = Schema.one(of: [
      Schema.text(least: 1), Schema.tokens(parts.service.tokenizer.vocabularySize),
    ])
    fields["n_predict"] = Schema.one(of: [Schema.constant(-1), Schemas.answerTokens(parts.limits)])
    fields["repeat_penalty"] = Schema.number(0.01, 100)
    fields["json_schema"] = Schema.anyObject
    return Operation(
      summary: "Continue a text.", tag: "llama.cpp", body: Schema.object(fields, required: ["prompt"]),
      results: [
        Operation.answer(
          Schema.object(
            [
              "content": Schema.string, "stop": Schema.boolean, "model": Schema.string,
              "motet": Schema.reference("Motet"),
            ],
            required: ["content", "stop"]))
      ], errors: [404, 422, 429, 503, 504])
  }

  func respond(to request: Request, _ context: ServerContext) async throws -> Response {
    let body = try await request.json(parts)
    let fields = body.fields
    try fields.refuse(Self.undone, harmless: [0, 0.0])
    try fields.refuse(["n_probs"], harmless: [0])
    let tokenizer = parts.service.tokenizer
    let prompts = try PromptInput.read(fields, "prompt", tokenizer: tokenizer, most: 1)
    let settings = try settings(body, vocabulary: tokenizer.vocabularySize)
    let choice = try await parts.chooser(for: context.caller).choose(fields, text: prompts[0].text(tokenizer))
    let id = ServerParts.id("cmpl-")
    let job = AnswerJob(
      id: id, model: try fields.string("model") ?? parts.service.baseName, choice: choice,
      requests: try settings.requests(
        id: id, prompts: prompts.map(\.tokens), mix: choice, context: parts.service.context,
        limits: parts.limits,
        parameter: "prompt"), choices: 1)
    if try fields.bool("stream") ?? false { return try await parts.stream(job, context, as: LlamaShape()) }
    let answers = try await parts.whole(job, context)
    return .json(LlamaShape().whole(answers[0], job), headers: [.motetMix: answers[0].mix.description])
  }

  private func settings(_ body: JSONBody, vocabulary: Int) throws -> AnswerSettings {
    let fields = body.fields
    var settings = AnswerSettings()
    settings.sampling = try AnswerSettings.sampling(fields, vocabulary: vocabulary)
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
    if let schema = fields["json_schema"], !schema.isAbsent {
      settings.format = .schema(try AnswerSettings.schema(body, at: ["json_schema"]))
    }
    return settings
  }
}

/// Answers as llama.cpp's `/completion` writes them.
struct LlamaShape: EventShape {
  let endsWithDone = false

  func whole(_ answer: Answer, _ job: AnswerJob) -> JSONValue { end(answer, answer.text, job) }

  func opening(_ running: RunningJob) -> [JSONValue] { [] }

  func values(for event: AnswerStream.Event, _ running: RunningJob) -> [JSONValue] {
    guard case .piece(let text, let tokens) = event.event else { return [] }
    return [
      [
        "content": .string(text), "stop": false, "index": 0,
        "tokens": .array(tokens.map { .int(Int($0.id)) }),
      ]
    ]
  }

  func closing(_ answers: [Answer], _ running: RunningJob) -> [JSONValue] {
    [end(answers[0], "", running.job)]
  }

  private func end(_ answer: Answer, _ text: String, _ job: AnswerJob) -> JSONValue {
    let usage = answer.usage
    let reading = max(usage.firstTokenSeconds - usage.queueSeconds, 1e-9)
    let writing = max(usage.seconds - usage.firstTokenSeconds, 1e-9)
    return [
      "content": .string(text), "stop": true, "index": 0, "id": .string(job.id), "model": .string(job.model),
      "tokens_evaluated": .int(usage.promptTokens), "tokens_predicted": .int(usage.completionTokens),
      "tokens_cached": .int(usage.cachedTokens), "truncated": false,
      "stop_type": answer.finish == .length ? "limit" : "eos", "stopping_word": "",
      "timings": [
        "prompt_n": .int(usage.promptTokens), "prompt_ms": .number(reading * 1000),
        "prompt_per_second": .number(Double(usage.promptTokens) / reading),
        "predicted_n": .int(usage.completionTokens), "predicted_ms": .number(writing * 1000),
        "predicted_per_second": .number(Double(usage.completionTokens) / writing),
      ],
      "motet": MotetFacts(
        mix: answer.mix, cachedTokens: usage.cachedTokens, usage: usage, route: job.choice.route
      ).json,
    ]
  }
}
