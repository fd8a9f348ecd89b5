import MotetFormats

/// Schemas that several routes use, by the names that the document gives them.
enum Schemas {
  static let all: [String: JSONValue] = [
    "Error": error, "GenerateError": generateError, "Model": model, "Adapter": adapter, "Usage": usage,
    "Motet": motet,
    "Message": message, "ResponseFormat": responseFormat, "LoRAScales": loraScales,
  ]

  static let error = Schema.object(
    [
      "error": Schema.object(
        [
          "message": Schema.string, "type": Schema.string, "param": Schema.nullable(Schema.string),
          "code": Schema.nullable(Schema.string),
        ], required: ["message", "type", "param", "code"])
    ], required: ["error"])

  static let generateError = Schema.object(
    ["error": Schema.string, "error_type": Schema.string], required: ["error", "error_type"])

  static let model = Schema.object(
    [
      "id": Schema.string, "object": Schema.constant("model"), "created": Schema.integer(0),
      "owned_by": Schema.string,
      "root": Schema.string, "parent": Schema.nullable(Schema.string), "max_model_len": Schema.integer(1),
    ], required: ["id", "object", "created", "owned_by", "root", "parent"])

  static let adapter = Schema.object(
    [
      "name": Schema.string, "version": Schema.nullable(Schema.integer(1)), "parent": Schema.string,
      "method": Schema.string, "rank": Schema.nullable(Schema.integer(0)), "loaded": Schema.boolean,
      "bytes": Schema.integer(0), "pinned": Schema.boolean, "created": Schema.integer,
    ], required: ["name", "version", "parent", "method", "loaded", "bytes", "pinned", "created"])

  static let usage = Schema.object(
    [
      "prompt_tokens": Schema.integer(0), "completion_tokens": Schema.integer(0),
      "total_tokens": Schema.integer(0),
    ],
    required: ["prompt_tokens", "total_tokens"])

  static let motet = Schema.object(
    [
      "mix": Schema.string, "cached_tokens": Schema.integer(0), "queue_seconds": Schema.number,
      "first_token_seconds": Schema.number, "seconds": Schema.number, "route": Schema.anyObject,
      "terms": Schema.array(
        of: Schema.object(
          ["name": Schema.string, "version": Schema.nullable(Schema.integer(1)), "weight": Schema.number],
          required: ["name", "weight"])),
    ], required: ["mix", "terms", "cached_tokens"])

  static let message = Schema.object(
    [
      "role": Schema.values(["system", "developer", "user", "assistant"]),
      "content": Schema.one(of: [
        Schema.string,
        Schema.array(
          of: Schema.object(
            ["type": Schema.constant("text"), "text": Schema.string], required: ["type", "text"]),
          least: 1),
      ]),
    ], required: ["role", "content"])

  /// Which schemas can be followed, no schema says: the others are refused with their reason.
  static let responseFormat = Schema.one(of: [
    Schema.object(["type": Schema.values(["text", "json_object"])], required: ["type"]),
    Schema.object(
      [
        "type": Schema.constant("json_schema"),
        "json_schema": Schema.object(
          ["name": Schema.string, "schema": Schema.anyObject], required: ["schema"]),
      ], required: ["type", "json_schema"]),
    Schema.object(
      ["type": Schema.constant("json_schema"), "json_schema": Schema.null, "schema": Schema.anyObject],
      required: ["type", "schema"]),
  ])

  static let loraScales = Schema.array(
    of: Schema.object(
      ["id": Schema.integer(0, Int(Int32.max)), "scale": Schema.number(-1000, 1000)],
      required: ["id", "scale"]))

  /// Fields of every route that draws tokens in OpenAI's way.
  static func sampling(_ limits: ServerLimits) -> [String: JSONValue] {
    [
      "model": name(limits), "lora": Schema.reference("LoRAScales"), "adapter_id": name(limits),
      "temperature": Schema.number(0, 2), "top_p": Schema.number(0, 1),
      "top_k": Schema.integer(-1, Int(Int32.max)),
      "min_p": Schema.number(0, 1), "repetition_penalty": Schema.number(0.01, 100),
      "presence_penalty": Schema.number(-2, 2), "frequency_penalty": Schema.number(-2, 2),
      "logit_bias": [
        "type": "object", "propertyNames": ["pattern": "^[0-9]+$"],
        "additionalProperties": Schema.number(-100, 100), "maxProperties": .int(limits.biases),
      ],
      "seed": Schema.integer(Int.min, Int.max),
      "n": Schema.integer(1, limits.choices), "stop": stop(limits), "ignore_eos": Schema.boolean,
      "stream": Schema.boolean,
      "stream_options": Schema.object(["include_usage": Schema.boolean]), "user": Schema.string,
      "response_format": Schema.reference("ResponseFormat"),
      "max_tokens": answerTokens(limits), "cache_salt": Schema.text(least: 1, most: limits.saltBytes),
    ]
  }

  /// `stream_options` needs `stream`.
  static let streaming = Schema.one(of: [
    Schema.members(["stream_options": Schema.null]),
    Schema.members(["stream": Schema.constant(true)], required: ["stream"]),
  ])

  /// `top_logprobs` needs `logprobs`.
  static let topLogprobs = Schema.one(of: [
    Schema.members(["top_logprobs": ["enum": [nil, 0]]]),
    Schema.members(["logprobs": Schema.constant(true)], required: ["logprobs"]),
  ])

  /// Adapters are named in one way.
  static func oneWay(base: String) -> JSONValue {
    let isBase: JSONValue = ["enum": [nil, "", "base", .string(base)]]
    let noLora = Schema.nullable(["type": "array", "maxItems": 0])
    return Schema.one(of: [
      Schema.members(["lora": noLora, "adapter_id": Schema.null]),
      Schema.members(["lora": noLora, "model": isBase]),
      Schema.members(["adapter_id": Schema.null, "model": isBase]),
    ])
  }

  /// What names a model or a mix.
  static func name(_ limits: ServerLimits) -> JSONValue { Schema.text(least: 0, most: limits.modelBytes) }

  static func answerTokens(_ limits: ServerLimits) -> JSONValue {
    Schema.integer(1, limits.answerTokens ?? Int(Int32.max))
  }

  static func stop(_ limits: ServerLimits) -> JSONValue {
    let one = Schema.text(least: 1, most: limits.stopCharacters)
    return Schema.one(of: [one, Schema.array(of: one, most: limits.stopStrings)])
  }
}
