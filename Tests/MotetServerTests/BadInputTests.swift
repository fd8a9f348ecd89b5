import HTTPTypes
import MotetFormats
import Testing

@testable import MotetServer

/// What bad input gets: the API's error body with the right status, and a server that goes on.
@Suite struct BadInputTests {
  private let harness: Harness

  init() throws { harness = try Harness() }

  private func expectError(
    _ reply: Harness.Reply, _ status: Int, naming words: String = "",
    at location: SourceLocation = #_sourceLocation
  ) async throws {
    #expect(reply.status == status, sourceLocation: location)
    #expect(!reply.message.isEmpty, sourceLocation: location)
    #expect(reply["error", "type"].stringValue != nil, sourceLocation: location)
    #expect(reply.headers[.contentType] == "application/json", sourceLocation: location)
    #expect(words.isEmpty || reply.message.contains(words), "\(reply.message)", sourceLocation: location)
    #expect(try await harness.chat().status == 200, "the server goes on", sourceLocation: location)
  }

  @Test(arguments: [
    "{", "", "[]", "null", #"{"messages": }"#, #"{"messages": [}"#, #"{"a": 1, "a": 2}"#, #"{"a": NaN}"#,
    #"{"a": Infinity}"#, #"{"a": 1e999}"#, #"{"a": "\ud800"}"#, "{\"a\": \"\n\"}", #"{"a": 1} x"#,
    #"{"a": 01}"#,
  ])
  func malformedJSONSaysWhere(body: String) async throws {
    let reply = try await harness.post("/v1/chat/completions", body)
    try await expectError(reply, 400)
    #expect(reply.code == "invalid_json")
  }

  @Test func invalidUTF8IsNoJSON() async throws {
    let bytes =
      Array(#"{"messages": [{"role": "user", "content": ""#.utf8) + [0xFF, 0xFE] + Array(#""}]}"#.utf8)
    let reply = try await harness.send(.post, "/v1/chat/completions", bytes: bytes)
    try await expectError(reply, 400, naming: "UTF-8")
  }

  @Test func deepNestingIsRefusedAndNotFollowed() async throws {
    let body = String(repeating: "[", count: 200_000)
    try await expectError(
      try await harness.post("/v1/chat/completions", "{\"messages\": \(body)"), 400, naming: "deep")
  }

  @Test(arguments: [
    "maths", "math@9x", "../math", "/etc/passwd", "./adapters/../math", "a b", "unheard-of", "..",
  ])
  func unknownModelsAreNotFound(model: String) async throws {
    let reply = try await harness.chat(#""model": "\#(model)""#)
    try await expectError(reply, 404)
    #expect(reply.code == "model_not_found")
  }

  @Test func aNumberBeyondTheListIsNotFound() async throws {
    let reply = try await harness.chat(#""lora": [{"id": 99, "scale": 1}]"#)
    try await expectError(reply, 404, naming: "99")
    #expect(reply.parameter == "lora[0].id")
  }

  @Test func methodsNobodyDefinedAreRefusedToo() async throws {
    let query = try #require(HTTPRequest.Method("QUERY"))
    try await expectError(try await harness.send(query, "/v1/models/math", nil), 405, naming: "GET, HEAD")
  }

  @Test func anUnknownModelNamesThoseThatAreNear() async throws {
    try await expectError(try await harness.chat(#""model": "mats""#), 404, naming: "did you mean math")
  }

  @Test(arguments: [
    ("math+math", "math is there already"), ("math=0.5+math=0.4", "math is there already"),
    ("math=nan", "nan"),
    ("math=inf", "inf"),
    ("math=x", "x"), ("math=+code=1", ""), ("base+math", "base"), ("+", ""),
  ])
  func mixesThatCannotBeAreRefused(model: String, word: String) async throws {
    let reply = try await harness.chat(#""model": "\#(model)""#)
    try await expectError(reply, 400, naming: word)
    #expect(reply.parameter == "model")
  }

  @Test(arguments: [
    ("model", "5"), ("user", "{}"), ("temperature", #""hot""#), ("temperature", "-1"), ("temperature", "3"),
    ("top_p", "2"),
    ("top_p", "-0.5"), ("n", "0"), ("n", "-1"), ("n", "1000000"), ("n", "1.5"), ("max_tokens", "-5"),
    ("max_tokens", "0"), ("max_tokens", #""many""#), ("stop", "5"), ("stop", "[1]"), ("stop", #"[""]"#),
    ("stream", #""yes""#), ("logprobs", "3"), ("top_logprobs", "50"), ("logit_bias", #"{"x": 1}"#),
    ("logit_bias", #"{"5": 1000}"#), ("logit_bias", #"{"5": null}"#),
    ("logit_bias", #"{"99999": 1}"#), ("seed", "1.5"), ("seed", "1e30"),
    ("seed", "-9223372036854775809"),
    ("top_k", "-7"), ("min_p", "7"), ("presence_penalty", "9"), ("repetition_penalty", "0"),
    ("response_format", #""json""#), ("response_format", #"{"type": "xml"}"#),
    ("response_format", #"{"type": "json_schema"}"#), ("lora", "5"), ("lora", "false"), ("lora", "{}"),
    ("adapter_id", "{}"),
    ("response_format", #"{"type": "json_schema", "json_schema": {"name": 5, "schema": {}}}"#),
    ("lora", "[5]"),

    ("lora", #"[{"id": -1, "scale": 1}]"#), ("lora", #"[{"id": 0, "scale": 1}, {"id": 0, "scale": 2}]"#),
    ("stream_options", #"{"include_usage": true}"#),
    ("merged_adapters", #"{"ids": ["math"], "merge_strategy": "ties"}"#),
    ("merged_adapters", #"{"ids": ["math", "math"]}"#),
    ("merged_adapters", #"{"ids": ["math"], "weights": [1, 2]}"#),
  ])
  func wrongTypesAndSizesNameTheField(field: String, value: String) async throws {
    let reply = try await harness.chat(#""\#(field)": \#(value)"#)
    try await expectError(reply, 400)
    #expect(reply.parameter.hasPrefix(field), "\(reply.parameter)")
  }

  @Test(arguments: [
    "[]", "5", #"[{"role": "user"}]"#, #"[{"content": "x"}]"#, #"[{"role": "robot", "content": "x"}]"#,
    #"[{"role": "tool", "content": "x"}]"#, #"[{"role": "user", "content": 5}]"#,
    #"[{"role": "user", "content": []}]"#, #"[{"role": "user", "content": [{"type": "image_url"}]}]"#,
    #"[{"role": "user", "content": [{"type": "text"}]}]"#, #"["x"]"#,
  ])
  func conversationsThatAreNoneAreRefused(messages: String) async throws {
    let reply = try await harness.post("/v1/chat/completions", #"{"messages": \#(messages)}"#)
    try await expectError(reply, 400)
    #expect(reply.parameter.hasPrefix("messages"))
  }

  @Test(arguments: [
    "null", "{}", "[]", "[1.5]", "[-1]", "[99999]", "[[]]", #"[[1], "x", [99999]]"#, "[[1.5]]", "[null]",
    #"""#,
  ])
  func promptsThatAreNoneAreRefused(prompt: String) async throws {
    let reply = try await harness.post("/v1/completions", #"{"prompt": \#(prompt)}"#)
    try await expectError(reply, 400)
  }

  @Test func anEmptyPromptIsRefused() async throws {
    for (path, body) in [
      ("/v1/completions", #"{"prompt": ""}"#), ("/completion", #"{"prompt": ""}"#),
      ("/v1/embeddings", #"{"input": ["a", ""]}"#),
    ] { try await expectError(try await harness.post(path, body), 400) }
  }

  @Test func tenThousandStopStringsAreRefusedAtOnce() async throws {
    let stops = (0..<10_000).map { "\"s\($0)\"" }.joined(separator: ",")
    let clock = ContinuousClock()
    let began = clock.now
    try await expectError(try await harness.chat(#""stop": [\#(stops)]"#), 400, naming: "10000")
    #expect(clock.now - began < .seconds(2))
  }

  @Test func aPromptBeyondTheContextIsRefused() async throws {
    let reply = try await harness.post(
      "/v1/completions", #"{"prompt": "\#(String(repeating: "a", count: 5_000))"}"#)
    try await expectError(reply, 400, naming: "5000")
    #expect(reply.code == "context_length_exceeded")
  }

  @Test func limitsOfPromptAndAnswerAreTold() async throws {
    let strict = try Harness {
      $0.limits.promptTokens = 20
      $0.limits.answerTokens = 4
    }
    let long = try await strict.post("/v1/completions", #"{"prompt": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#)
    #expect(long.status == 400)
    let many = try await strict.post("/v1/completions", #"{"prompt": "a", "max_tokens": 5}"#)
    #expect(many.status == 400)
    #expect(many.parameter == "max_tokens")
    let fine = try await strict.post("/completion", #"{"prompt": "a"}"#)
    #expect(fine.status == 200)
    #expect(strict.service.requests.last?.maximumTokens == 4)
  }

  @Test func aBodyThatSaysItIsHugeIsRefusedUnread() async throws {
    let reply = try await harness.send(
      .post, "/v1/chat/completions", bytes: nil,
      headers: [.contentLength: "104857600", .contentType: "application/json"])
    try await expectError(reply, 413)
    #expect(reply.headers[.connection] == "close")
  }

  @Test func aBodyThatGrowsTooLargeIsRefusedOnTheWay() async throws {
    let small = try Harness { $0.limits.bodyBytes = 1_000 }
    let reply = try await small.send(
      .post, "/v1/chat/completions", bytes: Array(repeating: 0x20, count: 5_000))
    #expect(reply.status == 413)
    #expect(reply.code == "body_too_large")
  }

  @Test func otherMediaTypesAreRefused() async throws {
    let reply = try await harness.send(
      .post, "/v1/chat/completions", "a=b", headers: [.contentType: "application/x-www-form-urlencoded"])
    try await expectError(reply, 415)
  }

  @Test func otherMethodsAndAddressesAreToldApart() async throws {
    let method = try await harness.get("/v1/chat/completions")
    try await expectError(method, 405)
    #expect(method.headers[.allow] == "POST")
    try await expectError(try await harness.get("/v1/nothing"), 404)
    try await expectError(try await harness.get("/../etc/passwd"), 404)
    try await expectError(try await harness.get("/v1/models/..%2F..%2Fetc"), 404)
  }

  @Test func whatTheEngineRefusesKeepsItsReason() async throws {
    for (error, status, code) in [
      (ServingErrorCase.tooLong, 400, "context_length_exceeded"), (.queueFull, 429, "rate_limit_exceeded"),
      (.draining, 503, "draining"), (.unusable, 422, "unusable_adapter"), (.invalid, 400, ""),
    ] {
      harness.service.follow(.refuse(error.value))
      let reply = try await harness.chat()
      #expect(reply.status == status)
      #expect(reply.code == code)
    }
  }
}
