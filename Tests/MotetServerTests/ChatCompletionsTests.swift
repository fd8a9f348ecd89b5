import MotetAdapters
import MotetFormats
import MotetServing
import Testing

@testable import MotetServer

@Suite struct ChatCompletionsTests {
  @Test func anAnswerHasTextUsageAndTheMixThatGaveIt() async throws {
    let harness = try Harness()
    let reply = try await harness.chat(#""model": "math@2""#)
    #expect(reply.status == 200)
    #expect(reply["object"] == "chat.completion")
    #expect(reply["model"] == "math@2")
    #expect(reply["choices", "0", "message", "content"] == "Hello, world!")
    #expect(reply["choices", "0", "finish_reason"] == "stop")
    #expect(reply["choices", "0", "logprobs"] == .null)
    let prompt = try #require(harness.service.requests.first?.prompt)
    #expect(reply["usage", "prompt_tokens"].intValue == prompt.count)
    #expect(reply["usage", "completion_tokens"] == 13)
    #expect(reply["usage", "total_tokens"].intValue == prompt.count + 13)
    #expect(reply["usage", "prompt_tokens_details", "cached_tokens"] == 3)
    #expect(reply["motet", "mix"] == "math@2")
    #expect(reply["motet", "terms", "0", "version"] == 2)
    #expect(reply["motet", "cached_tokens"] == 3)
    #expect(reply.headers[.motetMix] == "math@2")
  }

  @Test func thePromptIsWhatTheTemplateMakesOfIt() async throws {
    let harness = try Harness()
    _ = try await harness.post(
      "/v1/chat/completions",
      #"{"messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]}"#
    )
    let prompt = try #require(harness.service.requests.first?.prompt)
    #expect(
      harness.service.tokenizer.decode(prompt)
        == "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\na\nb<|im_end|>\n<|im_start|>assistant\n"
    )
  }

  @Test func everyFieldReachesTheEngine() async throws {
    let harness = try Harness()
    let reply = try await harness.chat(
      #"""
      "model": "code=0.5+math=0.4", "temperature": 0.25, "top_p": 0.5, "top_k": 7, "min_p": 0.125, "max_tokens": 9,
      "repetition_penalty": 1.5, "presence_penalty": 0.5, "frequency_penalty": -0.5, "logit_bias": {"65": -100},
      "seed": 42, "stop": ["\n", "END"], "ignore_eos": true, "logprobs": true, "top_logprobs": 2, "user": "u", "n": 2
      """#)
    #expect(reply.status == 200)
    let requests = harness.service.requests
    #expect(requests.count == 2)
    let request = try #require(requests.first)
    #expect(request.mix.description == "code=0.5+math=0.4")
    #expect(request.maximumTokens == 9)
    #expect(request.stopStrings == ["\n", "END"])
    #expect(request.ignoresEnd)
    #expect(request.logprobs == 2)
    var sampling = ServingSampling()
    sampling.temperature = 0.25
    sampling.topP = 0.5
    sampling.topK = 7
    sampling.minP = 0.125
    sampling.repetitionPenalty = 1.5
    sampling.presencePenalty = 0.5
    sampling.frequencyPenalty = -0.5
    sampling.logitBias = [65: -100]
    sampling.seed = 42
    #expect(request.sampling == sampling)
    #expect(requests[1].sampling.seed == 43)
    #expect(reply["choices", "1", "index"] == 1)
    #expect(reply["usage", "completion_tokens"] == 18)
    #expect(reply["usage", "prompt_tokens"].intValue == request.prompt.count)
  }

  @Test func logprobsTellTokensBytesAndAlternatives() async throws {
    let harness = try Harness()
    harness.service.follow(.say("é"))
    let reply = try await harness.chat(#""logprobs": true, "top_logprobs": 2"#)
    #expect(reply["choices", "0", "logprobs", "content", "0", "logprob"] == .double(-0.5))
    #expect(reply["choices", "0", "logprobs", "content", "0", "bytes"] == [0xC3])
    #expect(reply["choices", "0", "logprobs", "content", "1", "bytes"] == [0xA9])
    #expect(reply["choices", "0", "logprobs", "content", "0", "top_logprobs", "1", "token"] == "B")
  }

  @Test func lengthIsTheReasonWhenTheTokensAreUsedUp() async throws {
    let reply = try await Harness().chat(#""max_completion_tokens": 5"#)
    #expect(reply["choices", "0", "message", "content"] == "Hello")
    #expect(reply["choices", "0", "finish_reason"] == "length")
  }

  @Test func anAnswerMayFillTheContextAndNoMore() async throws {
    let harness = try Harness()
    _ = try await harness.chat()
    _ = try await harness.chat(#""max_tokens": 100000"#)
    for request in harness.service.requests {
      #expect(request.maximumTokens == harness.service.context - request.prompt.count)
    }
  }

  @Test func aSchemaKeepsTheOrderOfItsMembers() async throws {
    let harness = try Harness()
    let schema = #"{"type":"object","properties":{"zebra":{"type":"string"},"apple":{"type":"integer"}}}"#
    for format in [
      #"{"type": "json_schema", "json_schema": {"name": "x", "schema": \#(schema)}}"#,
      #"{"type": "json_object", "schema": \#(schema)}"#,
    ] { _ = try await harness.chat(#""response_format": \#(format)"#) }
    _ = try await harness.chat(#""response_format": {"type": "json_object"}"#)
    _ = try await harness.chat(#""response_format": {"type": "text"}"#)
    _ = try await harness.chat(#""guided_json": \#(schema)"#)
    #expect(
      harness.service.requests.map(\.format)
        == [.schema(schema), .schema(schema), .json, .text, .schema(schema)])
  }

  @Test(arguments: [
    (#""model": "tiny", "lora": [{"id": 1, "scale": 0.5}, {"id": 2, "scale": 0.25}]"#, "code=0.5+math=0.25"),
    (#""lora": [{"id": 2, "scale": 0}]"#, "base"),
    (#""adapter_id": "math""#, "math"),
    (
      #""merged_adapters": {"ids": ["math", "code"], "weights": [0.5, 0.25], "merge_strategy": "linear"}"#,
      "code=0.25+math=0.5"
    ),
    (#""model": """#, "base"),
    (#""model": "base""#, "base"),
    (#""model": null"#, "base"),
  ])
  func theNeighboursWaysOfNamingAdaptersAreUnderstood(fields: String, mix: String) async throws {
    let harness = try Harness()
    #expect(try await harness.chat(fields).status == 200)
    #expect(harness.service.requests.first?.mix.description == mix)
  }

  @Test(arguments: [
    #""model": "math", "adapter_id": "code""#, #""lora": [{"id": 0, "scale": 1}], "adapter_id": "code""#,
    #""model": "math", "lora": [{"id": 0, "scale": 1}]"#,
  ])
  func sayingTwiceWhoAnswersIsRefused(fields: String) async throws {
    let reply = try await Harness().chat(fields)
    #expect(reply.status == 400)
    #expect(reply.message.contains("twice"))
  }

  @Test func autoAsksTheRouterAndSaysWhatItChose() async throws {
    let harness = try Harness(router: ScriptedRouter())
    let reply = try await harness.chat(#""model": "auto""#)
    #expect(reply.status == 200)
    #expect(harness.service.requests.first?.mix.description == "code=0.6+math=0.4")
    #expect(reply["motet", "route", "mix"] == "code=0.60+math=0.40")
    #expect(reply["motet", "route", "weights", "code"] == .double(0.6))
    let metrics = try await harness.get("/metrics").text
    #expect(metrics.contains(#"motet_router_decisions_total{adapter="code"} 1"#))
  }

  @Test func autoWithoutARouterSaysSo() async throws {
    let reply = try await Harness().chat(#""model": "auto""#)
    #expect(reply.status == 404)
    #expect(reply.message.contains("--router"))
  }

  @Test(arguments: [
    ("tools", #"[{"type": "function"}]"#), ("tool_choice", #""required""#), ("min_tokens", "3"),
    ("guided_regex", #""a+""#), ("modalities", #"["audio"]"#), ("best_of", "3"), ("stop_token_ids", "[5]"),
    ("skip_special_tokens", "false"), ("use_beam_search", "true"),
  ])
  func whatIsNotDoneIsRefusedByName(field: String, value: String) async throws {
    let reply = try await Harness().chat(#""\#(field)": \#(value)"#)
    #expect(reply.status == 400)
    #expect(reply.parameter == field)
    #expect(reply.code == "unsupported_parameter")
  }

  @Test func unknownFieldsAndHarmlessOnesAreIgnored() async throws {
    let reply = try await Harness().chat(
      #""xyz": 1, "tools": [], "tool_choice": "none", "min_tokens": 0, "store": false, "modalities": ["text"]"#
    )
    #expect(reply.status == 200)
  }
}
