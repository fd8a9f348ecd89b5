import MotetFormats
import MotetServing
import MotetTokenizers

extension AnswerSettings {
  /// Fields of vLLM and of the newer OpenAI API that change the answer and are not done here.
  private static let undone = [
    "use_beam_search", "length_penalty", "early_stopping", "stop_token_ids", "min_tokens", "prompt_logprobs",
    "allowed_token_ids", "bad_words", "truncate_prompt_tokens", "logits_processors", "guided_regex",
    "guided_choice", "guided_grammar", "structured_outputs", "include_stop_str_in_output", "typical_p",
    "mirostat",
    "tfs_z", "grammar", "samplers", "dry_multiplier", "xtc_probability", "dynatemp_range",
    "best_of_sequences",
  ]

  /// What `/v1/chat/completions` and `/v1/completions` have in common.
  init(openAI body: JSONBody, limits: ServerLimits, vocabulary: Int) throws {
    let fields = body.fields
    try fields.refuse(Self.undone, harmless: [.int(0)])
    try fields.refuse(["skip_special_tokens"], harmless: [.bool(true)])
    if fields["skip_special_tokens"] == .bool(false) { throw APIError.unsupported("skip_special_tokens") }
    try fields.checkUnused(["user"])
    sampling = try Self.sampling(fields, vocabulary: vocabulary, limits: limits)
    stopStrings = try Self.stop(fields, "stop", limits: limits)
    ignoresEnd = try fields.bool("ignore_eos") ?? false
    choices = try fields.integer("n", in: 1...limits.choices) ?? 1
    if let best = try fields.integer("best_of", in: 1...Int(Int32.max)), best != choices {
      throw APIError.unsupported("best_of", "give n alone")
    }
    format = try Self.format(body)
    cacheSalt = try fields.string("cache_salt")
    if cacheSalt == "" { throw fields.failure("cache_salt", "is empty: give some text, or leave it out") }
    guard cacheSalt?.utf8.count ?? 0 <= limits.saltBytes else {
      throw fields.failure("cache_salt", "is too long: give at most \(limits.saltBytes) bytes")
    }
  }

  static func tokens(_ fields: RequestFields, _ name: String, limits: ServerLimits) throws -> Int? {
    let most = limits.answerTokens ?? Int(Int32.max)
    return try fields.integer(name, in: 1...most)
  }

  static func sampling(
    _ fields: RequestFields, vocabulary: Int, limits: ServerLimits
  ) throws -> ServingSampling {
    var sampling = ServingSampling()
    sampling.temperature = try fields.number("temperature", in: 0...2) ?? 1
    // 0 would keep nothing: it means the likeliest token alone.
    sampling.topP = max(try fields.number("top_p", in: 0...1) ?? 1, 1e-6)
    sampling.topK = max(0, try fields.integer("top_k", in: -1...Int(Int32.max)) ?? 0)
    sampling.minP = try fields.number("min_p", in: 0...1) ?? 0
    sampling.repetitionPenalty = try fields.number("repetition_penalty", in: 0.01...100) ?? 1
    sampling.presencePenalty = try fields.number("presence_penalty", in: -2...2) ?? 0
    sampling.frequencyPenalty = try fields.number("frequency_penalty", in: -2...2) ?? 0
    sampling.seed = try fields.integer("seed", in: Int.min...Int.max).map { UInt64(bitPattern: Int64($0)) }
    sampling.logitBias = try bias(fields, vocabulary: vocabulary, most: limits.biases)
    return sampling
  }

  private static func bias(
    _ fields: RequestFields, vocabulary: Int, most: Int
  ) throws -> [Int32: Float] {
    guard let biases = try fields.object("logit_bias") else { return [:] }
    guard biases.members.count <= most else {
      throw fields.failure("logit_bias", "names \(biases.members.count) tokens: give at most \(most)")
    }
    var result: [Int32: Float] = [:]
    for name in biases.members.keys {
      guard let id = Int32(name), (0..<vocabulary).contains(Int(id)) else {
        throw fields.failure(
          "logit_bias", "names \"\(name.shown(40))\", which is no token: ids are below \(vocabulary)")
      }
      guard let bias = try biases.number(name, in: -100...100) else {
        throw fields.failure("logit_bias", "gives token \(id) nothing: give a number from -100 to 100")
      }
      result[id] = bias
    }
    return result
  }

  static func stop(_ fields: RequestFields, _ name: String, limits: ServerLimits) throws -> [String] {
    guard let value = fields[name] else { return [] }
    guard let strings = value.stringValue.map({ [$0] }) ?? value.stringsValue else {
      throw fields.failure(name, "must be a string or a list of strings")
    }
    guard strings.count <= limits.stopStrings else {
      throw fields.failure(name, "has \(strings.count) strings: give at most \(limits.stopStrings)")
    }
    for string in strings {
      guard !string.isEmpty, string.utf8.count <= limits.stopCharacters else {
        throw fields.failure(name, "must hold strings of 1 to \(limits.stopCharacters) bytes")
      }
    }
    return strings
  }

  /// OpenAI's `response_format`, with the schema where OpenAI, llama.cpp or LoRAX put it, and vLLM's `guided_json`.
  static func format(_ body: JSONBody) throws -> OutputFormat {
    let fields = body.fields
    if let guided = fields["guided_json"] {
      guard fields["response_format"] == nil else {
        throw fields.failure("guided_json", "stands beside response_format: give one of them")
      }
      if let text = guided.stringValue { return .schema(text) }
      return .schema(try schema(body, at: ["guided_json"]))
    }
    guard let format = try fields.object("response_format") else { return .text }
    switch try format.required("type") {
    case "text": return .text
    case "json_object":
      return format["schema"] == nil ? .json : .schema(try schema(body, at: ["response_format", "schema"]))
    case "json_schema":
      try format.object("json_schema")?.checkUnused(["name"])
      if format["json_schema"] == nil, format["schema"] != nil {
        return .schema(try schema(body, at: ["response_format", "schema"]))
      }
      return .schema(try schema(body, at: ["response_format", "json_schema", "schema"]))
    case let type:
      throw format.failure("type", "is \"\(type.shown(40))\": give text, json_object or json_schema")
    }
  }

  /// The schema's own text, in which its members keep their order.
  static func schema(_ body: JSONBody, at path: [String]) throws -> String {
    let name = path.joined(separator: ".")
    guard let text = try? body.text.text(at: path) else {
      throw APIError.invalid(name, "\"\(name)\" is missing: give a JSON schema")
    }
    guard text.hasPrefix("{") else { throw APIError.invalid(name, "\"\(name)\" must be an object") }
    return text
  }
}
