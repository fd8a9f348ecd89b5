import Testing

@testable import MotetServer

/// What a client gets, and the log, when a pass through the model fails.
@Suite struct FailedAnswerTests {
  private func failing() throws -> Harness {
    let harness = try Harness()
    harness.service.follow(.fail)
    return harness
  }

  private func expectLogged(_ harness: Harness) {
    let lines = harness.log.all.filter { $0.contains(#""level":"error""#) && $0.contains("/srv/secret") }
    #expect(lines.count == 1, "\(harness.log.all)")
  }

  @Test(arguments: [
    ("/v1/chat/completions", #"{"messages": [{"role": "user", "content": "Hi"}], "n": 2}"#),
    ("/v1/completions", #"{"prompt": ["a", "b"]}"#), ("/completion", #"{"prompt": "a"}"#),
  ])
  func isA500ThatTellsNothing(path: String, body: String) async throws {
    let harness = try failing()
    let reply = try await harness.post(path, body)
    #expect(reply.status == 500)
    #expect(reply["error", "type"] == "server_error")
    #expect(reply.code == "internal_error")
    #expect(reply.message.contains("log") && !reply.text.contains("secret"))
    expectLogged(harness)
    harness.service.follow(.say("well again"))
    #expect(try await harness.post(path, body).status == 200)
  }

  @Test func isWrittenAsLoRAXDoes() async throws {
    let harness = try failing()
    let reply = try await harness.post("/generate", #"{"inputs": "a"}"#)
    #expect(reply.status == 500)
    #expect(reply["error_type"] == "generation")
    #expect(reply["error"].stringValue?.contains("log") == true)
    expectLogged(harness)
  }

  @Test func isTheLastEventOfAStream() async throws {
    let harness = try failing()
    let reply = try await harness.chat(#""stream": true"#)
    #expect(reply.status == 200)
    #expect(reply.events.last?.contains("internal_error") == true)
    #expect(!reply.text.contains("secret") && !reply.events.contains("[DONE]"))
    expectLogged(harness)
  }
}
