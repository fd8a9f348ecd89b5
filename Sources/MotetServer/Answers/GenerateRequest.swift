import Hummingbird
import MotetFormats
import MotetServing

/// LoRAX's `{"inputs", "parameters": {…}}`, read.
struct GenerateRequest: Sendable {
  let job: AnswerJob
  let tellsDetails: Bool
  /// The prompt, where it stands before the answer.
  let echo: String

  private static let undone = [
    "truncate", "typical_p", "watermark", "decoder_input_details", "return_k_alternatives", "api_token",
    "return_logits",
  ]

  init(_ request: Request, _ parts: ServerParts, _ context: ServerContext) async throws {
    let body = try await request.json(parts, context)
    let inputs = try body.fields.required("inputs")
    let fields = try body.fields.object("parameters") ?? RequestFields(members: [:], prefix: "parameters.")
    try fields.refuse(Self.undone)
    try fields.refuse(["best_of"], harmless: [1])
    try fields.refuse(["adapter_source"], harmless: ["local", "hub"])
    let settings = try await parts.settings(of: body, context) { try Self.settings(fields, body, parts) }
    tellsDetails = try fields.bool("details") ?? false
    let prompt = try await parts.prepare(context) {
      try await parts.encoder().encode(inputs, parameter: "inputs")
    }
    let choice = try await parts.chooser(for: context.caller).choose(fields, text: inputs)
    echo = try fields.bool("return_full_text") ?? false ? inputs : ""
    job = try parts.job(
      "gen-", settings, model: fields.string("adapter_id"), prompts: [prompt],
      choice: choice, parameter: "inputs")
  }

  private static func settings(
    _ fields: RequestFields, _ body: JSONBody, _ parts: ServerParts
  ) throws -> AnswerSettings {
    var settings = AnswerSettings()
    settings.sampling = try AnswerSettings.sampling(
      fields, vocabulary: parts.service.tokenizer.vocabularySize, limits: parts.limits)
    // Greedy unless something asks to draw, as there.
    let draws =
      try fields.bool("do_sample")
      ?? ["temperature", "top_k", "top_p"].contains { fields[$0] != nil }
    if !draws { settings.sampling.temperature = 0 }
    settings.maximumTokens = try AnswerSettings.tokens(fields, "max_new_tokens", limits: parts.limits) ?? 20
    settings.stopStrings = try AnswerSettings.stop(fields, "stop", limits: parts.limits)
    settings.ignoresEnd = try fields.bool("ignore_eos_token") ?? false
    settings.logprobs = 0
    if let format = try fields.object("response_format") {
      _ = try format.required("type")
      settings.format =
        format["schema"] == nil
        ? .json : .schema(try AnswerSettings.schema(body, at: ["parameters", "response_format", "schema"]))
    }
    return settings
  }

  static func schema(_ limits: ServerLimits) -> JSONValue {
    Schema.object(
      [
        "inputs": Schema.text(least: 1),
        "parameters": Schema.object([
          "adapter_id": Schema.string,
          "max_new_tokens": Schemas.answerTokens(limits),
          "temperature": Schema.number(0, 2), "top_p": Schema.number(0, 1),
          "top_k": Schema.integer(-1, Int(Int32.max)),
          "do_sample": Schema.boolean, "seed": Schema.integer(Int.min, Int.max), "stop": Schemas.stop(limits),
          "repetition_penalty": Schema.number(0.01, 100), "details": Schema.boolean,
          "return_full_text": Schema.boolean, "ignore_eos_token": Schema.boolean,
        ]),
      ], required: ["inputs"])
  }
}
