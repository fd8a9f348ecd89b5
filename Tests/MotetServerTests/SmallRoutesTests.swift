import MotetFormats
import Testing

@testable import MotetServer

@Suite struct SmallRoutesTests {
  @Test func theRootSaysWhatThisIs() async throws {
    #expect(try await Harness().get("/").text.hasPrefix("motet "))
  }

  @Test func healthStaysAndReadinessGoesWhenTheServerDrains() async throws {
    let harness = try Harness()
    #expect(try await harness.get("/ready")["status"] == "ready")
    await harness.service.drain()
    #expect(try await harness.get("/health").status == 200)
    let reply = try await harness.get("/ready")
    #expect(reply.status == 503)
    #expect(reply.headers[.retryAfter] != nil)
    #expect(try await harness.chat().status == 503)
  }

  @Test func aRouteIsToldInPercent() async throws {
    let harness = try Harness(router: ScriptedRouter())
    let reply = try await harness.post("/route", #"{"prompt": "Solve it in Python"}"#)
    #expect(reply["router"] == "lexical")
    #expect(reply["mix"] == "code=0.60+math=0.40")
    #expect(reply["percent", "code"].doubleValue == 60)
    #expect(reply["reason", "0", "text"] == "solve")
    #expect(try await harness.post("/route", #"{"prompt": "the weather"}"#)["mix"] == "base")
    #expect(try await harness.post("/route", #"{"prompt": " "}"#).status == 400)
    #expect(try await Harness().post("/route", #"{"prompt": "x"}"#).code == "no_router")
  }

  @Test(arguments: [#"{"prompt": "ab"}"#, #"{"content": "ab"}"#, #"{"inputs": "ab"}"#])
  func textBecomesTokensAndBack(body: String) async throws {
    let harness = try Harness()
    let reply = try await harness.post("/tokenize", body)
    #expect(reply["tokens"] == [97, 98])
    #expect(reply["token_strs"] == ["a", "b"])
    #expect(reply["count"] == 2)
    #expect(reply["max_model_len"] == 512)
    let back = try await harness.post("/detokenize", #"{"tokens": [97, 98]}"#)
    #expect(back["prompt"] == "ab")
    #expect(back["content"] == "ab")
    #expect(try await harness.post("/detokenize", #"{"tokens": [-1]}"#).status == 400)
  }

  @Test func twoTextsToTokenizeAreRefused() async throws {
    let harness = try Harness()
    let reply = try await harness.post("/tokenize", #"{"prompt": "ab", "content": "c"}"#)
    #expect(reply.status == 400 && reply.parameter == "content")
    #expect(try await harness.post("/tokenize", #"{"prompt": "ab", "content": null}"#).status == 200)
    let unused = #"{"prompt": "ab", "add_generation_prompt": {}}"#
    #expect(try await harness.post("/tokenize", unused).status == 400)
  }

  @Test func aConversationBecomesTokensToo() async throws {
    let harness = try Harness()
    let body = #"{"messages": [{"role": "user", "content": "Hi"}]}"#
    let reply = try await harness.post("/tokenize", body)
    _ = try await harness.post("/v1/chat/completions", body)
    #expect(reply["tokens"] == .array(harness.service.requests[0].prompt.map { .int(Int($0)) }))
  }

  @Test func feedbackIsCountedForTheAdaptersThatAnswered() async throws {
    let harness = try Harness()
    let id = try #require(try await harness.chat(#""model": "code=0.5+math=0.5""#)["id"].stringValue)
    #expect(
      try await harness.post("/feedback", #"{"id": "\#(id)", "score": "up", "comment": "fine"}"#).status
        == 200)
    #expect(try await harness.post("/feedback", #"{"model": "math", "score": -0.5}"#)["adapters"] == ["math"])
    #expect(try await harness.post("/feedback", #"{"model": "base", "score": 0}"#)["adapters"] == ["base"])
    let metrics = try await harness.get("/metrics").text
    #expect(metrics.contains(#"motet_feedback_total{adapter="code",verdict="up"} 1"#))
    #expect(metrics.contains(#"motet_feedback_total{adapter="math",verdict="down"} 1"#))
    #expect(metrics.contains(#"motet_feedback_points_total{adapter="math",sign="negative"} 0.5"#))
    #expect(harness.log.all.contains { $0.contains(#""comment":"fine""#) })
  }

  @Test(arguments: [
    (#"{"score": 1}"#, 400), (#"{"id": "x", "model": "math", "score": 1}"#, 400),
    (#"{"id": "nope", "score": 1}"#, 404),
    (#"{"model": "math", "score": 2}"#, 400), (#"{"model": "math", "score": "great"}"#, 400),
    (#"{"model": "math"}"#, 400),
    (#"{"model": "nobody", "score": 1}"#, 404),
  ])
  func feedbackThatSaysNothingIsRefused(body: String, status: Int) async throws {
    #expect(try await Harness().post("/feedback", body).status == status)
  }

  @Test func theOldestAnswersAreForgotten() {
    let recent = RecentAnswers(capacity: 2)
    for id in ["a", "b", "c"] { recent.remember([id], of: .anyone, adapters: [id]) }
    #expect(recent.adapters(of: "a", for: .anyone) == nil)
    #expect(recent.adapters(of: "c", for: .anyone) == ["c"])
    #expect(recent.adapters(of: "c", for: Caller(name: "other", scope: .all, isAdmin: false)) == nil)
  }

  @Test func llamasNumbersAreThePlacesOfTheList() async throws {
    let harness = try Harness()
    let list = try await harness.get("/lora-adapters")
    #expect(list["2", "path"] == "math")
    let reply = try await harness.post(
      "/completion", #"{"prompt": "ab", "n_predict": 2, "lora": [{"id": 2, "scale": 0.5}]}"#)
    #expect(reply["content"] == "He")
    #expect(reply["stop_type"] == "limit")
    #expect(reply["tokens_evaluated"] == 2)
    #expect(harness.service.requests[0].mix.description == "math=0.5")
    #expect(harness.service.requests[0].sampling.topK == 40)
    let stream = try await harness.post("/completion", #"{"prompt": "ab", "stream": true}"#)
    #expect(stream.events.last?.contains(#""stop":true"#) == true)
    #expect(!stream.events.contains("[DONE]"))
  }

  @Test(arguments: [
    ("", "eos", "", "eos_token"), (#""stop": ["!", ", w"]"#, "word", ", w", "stop_sequence"),
    ("", "limit", "", "length"),
  ])
  func whatEndedAnAnswerIsTold(stop: String, type: String, word: String, reason: String) async throws {
    let harness = try Harness()
    harness.service.follow(.say("Hello, world"))
    let limit = type == "limit" ? "2" : "100"
    let more = stop.isEmpty ? "" : ", " + stop
    let llama = try await harness.post("/completion", #"{"prompt": "a", "n_predict": \#(limit)\#(more)}"#)
    #expect(llama["stop_type"] == .string(type))
    #expect(llama["stopping_word"] == .string(word))
    let body = #"{"inputs": "a", "parameters": {"details": true, "max_new_tokens": \#(limit)\#(more)}}"#
    #expect(try await harness.post("/generate", body)["details", "finish_reason"] == .string(reason))
  }

  @Test func scalesThatAreSetApplyToRequestsThatNameNoAdapters() async throws {
    let harness = try Harness()
    #expect(
      try await harness.post("/lora-adapters", #"[{"id": 2, "scale": 0.5}, {"id": 0, "scale": -1}]"#)[
        "success"]
        == true)
    #expect(try await harness.get("/lora-adapters")["2", "scale"].doubleValue == 0.5)
    for (fields, mix) in [
      ("", "acme@2=-1.0+math@2=0.5"), (#", "model": "tiny""#, "acme@2=-1.0+math@2=0.5"),
      (#", "lora": []"#, "base"),
      (#", "lora": [{"id": 1, "scale": 1}]"#, "code@2"), (#", "model": "code""#, "code@2"),
    ] {
      let reply = try await harness.post("/completion", #"{"prompt": "a"\#(fields)}"#)
      #expect(reply.headers[.motetMix] == mix)
    }
    #expect(try await harness.chat().headers[.motetMix] == "base")
    for (body, status) in [
      (#"[{"id": 9, "scale": 1}]"#, 404), (#"[{"id": 0}]"#, 400), ("[1]", 400), ("{}", 400),
      (#"[{"id": 0, "scale": 1}, {"id": 0, "scale": 2}]"#, 400),
    ] {
      let reply = try await harness.post("/lora-adapters", body)
      #expect(reply.status == status && !reply.message.isEmpty)
    }
    #expect(try await harness.get("/lora-adapters")["2", "scale"].doubleValue == 0.5)
    #expect(try await harness.post("/lora-adapters", "[]").status == 200)
    #expect(try await harness.post("/completion", #"{"prompt": "a"}"#).headers[.motetMix] == "base")
  }

  @Test func loRAXsRoutesGenerate() async throws {
    let harness = try Harness()
    let body =
      #"{"inputs": "ab", "parameters": {"adapter_id": "math", "max_new_tokens": 2, "details": true}}"#
    let reply = try await harness.post("/generate", body)
    #expect(reply["generated_text"] == "He")
    #expect(reply["details", "finish_reason"] == "length")
    #expect(reply["details", "tokens", "0", "text"] == "H")
    #expect(harness.service.requests[0].sampling.temperature == 0)
    #expect(harness.service.requests[0].mix.description == "math")
    let stream = try await harness.post("/generate_stream", body)
    #expect(stream.events.count == 3)
    #expect(stream.events.last?.contains(#""generated_text":"He""#) == true)
  }

  @Test(arguments: ["/generate", "/generate_stream"])
  func loRAXsRoutesSayWhatIsWrongAsLoRAXDoes(path: String) async throws {
    let harness = try Harness(keys: [APIKey(name: "a", hash: APIKey.hash("k"))])
    let body = #"{"inputs": "ab", "parameters": {"adapter_id": "math"}}"#
    func expect(_ reply: Harness.Reply, _ status: Int, _ type: String, _ words: String) {
      #expect(reply.status == status)
      #expect(reply["error_type"] == .string(type))
      let told = reply["error"].stringValue ?? ""
      #expect(!told.isEmpty && (words.isEmpty || told.contains(words)), "\(reply.text)")
    }
    expect(
      try await harness.post(path, #"{"inputs": "a", "parameters": {"watermark": true}}"#, key: "k"), 400,
      "validation", "parameters.watermark")
    expect(try await harness.post(path, "{", key: "k"), 400, "validation", "")
    expect(try await harness.post(path, #"{"inputs": ""}"#, key: "k"), 400, "validation", "empty")
    expect(
      try await harness.post(path, #"{"inputs": "a", "parameters": {"adapter_id": "mth"}}"#, key: "k"), 404,
      "validation", "math")
    expect(try await harness.post(path, body), 401, "authentication", "key")
    expect(try await harness.get(path, key: "k"), 405, "validation", "POST")
    for (error, status, type) in [
      (ServingErrorCase.queueFull, 429, "overloaded"), (.unusable, 422, "generation"),
      (.draining, 503, "overloaded"),
    ] {
      harness.service.follow(.refuse(error.value))
      expect(try await harness.post(path, body, key: "k"), status, type, "")
    }
    harness.service.follow(.breakOff)
    let broken = try await harness.post(path, body, key: "k")
    let last = path == "/generate" ? broken.text : broken.events.last
    #expect(last?.contains(#""error_type":"generation""#) == true)
  }
}
