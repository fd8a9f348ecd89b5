import MotetFormats
import Testing

@testable import MotetServer

@Suite struct CompletionsTests {
  @Test(arguments: [
    (#""ab""#, [[97, 98]]), (#"["ab", "c"]"#, [[97, 98], [99]]), ("[97, 98]", [[97, 98]]),
    ("[[97], [98]]", [[97], [98]]),
  ])
  func promptsAreTextsOrTokens(prompt: String, tokens: [[Int]]) async throws {
    let harness = try Harness()
    let reply = try await harness.post(
      "/v1/completions", #"{"model": "code", "prompt": \#(prompt), "max_tokens": 2}"#)
    #expect(reply.status == 200)
    #expect(harness.service.requests.map { $0.prompt.map(Int.init) } == tokens)
    #expect(reply["object"] == "text_completion")
    #expect(reply["choices", "\(tokens.count - 1)", "text"] == "He")
    #expect(reply["usage", "prompt_tokens"].intValue == tokens.joined().count)
  }

  @Test func sixteenTokensAreGivenUnlessMoreAreAskedFor() async throws {
    let harness = try Harness()
    _ = try await harness.post("/v1/completions", #"{"prompt": "a"}"#)
    #expect(harness.service.requests.first?.maximumTokens == 16)
  }

  @Test func choicesOfAPromptStandTogether() async throws {
    let harness = try Harness()
    let reply = try await harness.post(
      "/v1/completions", #"{"prompt": ["a", "b"], "n": 2, "echo": true, "max_tokens": 2}"#)
    #expect(
      (0..<4).map { reply["choices", "\($0)", "text"].stringValue ?? "" } == ["aHe", "aHe", "bHe", "bHe"])
    #expect(reply["usage", "prompt_tokens"] == 2)
    #expect(reply["usage", "completion_tokens"] == 8)
  }

  @Test func logprobsAreFourLists() async throws {
    let reply = try await Harness().post(
      "/v1/completions", #"{"prompt": "a", "max_tokens": 2, "logprobs": 1}"#)
    #expect(reply["choices", "0", "logprobs", "tokens"] == ["H", "e"])
    #expect(reply["choices", "0", "logprobs", "token_logprobs"] == [.double(-0.5), .double(-0.5)])
    #expect(reply["choices", "0", "logprobs", "top_logprobs", "0", "A"] == .double(-1))
    #expect(reply["choices", "0", "logprobs", "text_offset"] == [0, 1])
  }

  @Test(arguments: [#""suffix": "x""#, #""echo": true, "logprobs": 1"#])
  func whatIsNotDoneIsRefused(fields: String) async throws {
    let reply = try await Harness().post("/v1/completions", #"{"prompt": "a", \#(fields)}"#)
    #expect(reply.status == 400)
    #expect(reply.code == "unsupported_parameter")
  }
}
