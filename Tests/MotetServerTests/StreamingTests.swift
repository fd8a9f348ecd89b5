import MotetFormats
import Testing

@testable import MotetServer

@Suite struct StreamingTests {
  private func values(_ reply: Harness.Reply) throws -> [JSONValue] {
    try reply.events.filter { $0 != "[DONE]" }.map { try JSONText(Array($0.utf8), name: "an event").value() }
  }

  private func member(_ value: JSONValue, _ path: String...) -> JSONValue {
    path.reduce(value) { value, step in
      switch value {
      case .object(let members): members[step] ?? .null
      case .array(let elements):
        Int(step).flatMap { elements.indices.contains($0) ? elements[$0] : nil } ?? .null
      default: .null
      }
    }
  }

  @Test func chatChunksBeginWithTheRoleAndEndWithDone() async throws {
    let reply = try await Harness().chat(#""stream": true, "model": "math""#)
    #expect(reply.status == 200)
    #expect(reply.headers[.contentType]?.hasPrefix("text/event-stream") == true)
    #expect(reply.headers[.motetMix] == "math@2")
    #expect(reply.events.last == "[DONE]")
    #expect(reply.text.hasSuffix("data: [DONE]\n\n"))
    let chunks = try values(reply)
    #expect(member(chunks[0], "choices", "0", "delta", "role") == "assistant")
    #expect(member(chunks[0], "motet", "mix") == "math@2")
    let text = chunks.compactMap { member($0, "choices", "0", "delta", "content").stringValue }.joined()
    #expect(text == "Hello, world!")
    let reasons = chunks.compactMap { member($0, "choices", "0", "finish_reason").stringValue }
    #expect(reasons == ["stop"])
    #expect(chunks.allSatisfy { member($0, "object") == "chat.completion.chunk" })
    #expect(chunks.allSatisfy { member($0, "usage") == .null })
  }

  @Test func usageStandsInTheLastChunkWhereItIsAskedFor() async throws {
    let reply = try await Harness().chat(#""stream": true, "stream_options": {"include_usage": true}"#)
    let last = try #require(try values(reply).last)
    #expect(member(last, "choices") == [])
    #expect(member(last, "usage", "completion_tokens") == 13)
  }

  @Test func severalAnswersAreToldApartByTheirIndex() async throws {
    let reply = try await Harness().chat(#""stream": true, "n": 3"#)
    var texts: [Int: String] = [:]
    for chunk in try values(reply) {
      let index = try #require(member(chunk, "choices", "0", "index").intValue)
      texts[index, default: ""] += member(chunk, "choices", "0", "delta", "content").stringValue ?? ""
    }
    #expect(texts == [0: "Hello, world!", 1: "Hello, world!", 2: "Hello, world!"])
  }

  @Test func completionsStreamTheirTextWithOffsets() async throws {
    let reply = try await Harness().post(
      "/v1/completions", #"{"prompt": "Say", "stream": true, "logprobs": 1, "max_tokens": 5}"#)
    let chunks = try values(reply)
    #expect(chunks.compactMap { member($0, "choices", "0", "text").stringValue }.joined() == "Hello")
    let offsets = chunks.compactMap { member($0, "choices", "0", "logprobs", "text_offset", "0").intValue }
    #expect(offsets == [0, 1, 2, 3, 4])
    #expect(reply.events.last == "[DONE]")
  }

  @Test func whatFailsInTheMiddleIsTheLastEvent() async throws {
    let harness = try Harness()
    harness.service.follow(.breakOff)
    let reply = try await harness.chat(#""stream": true"#)
    #expect(reply.status == 200)
    let chunks = try values(reply)
    #expect(member(try #require(chunks.last), "error", "code") == "unusable_adapter")
    #expect(!reply.events.contains("[DONE]"))
  }

  @Test func whatFailsBeforeTheFirstTokenHasItsStatus() async throws {
    let harness = try Harness()
    harness.service.follow(.refuse(.queueFull(retryAfterSeconds: 7)))
    let reply = try await harness.chat(#""stream": true"#)
    #expect(reply.status == 429)
    #expect(reply.headers[.retryAfter] == "7")
  }

  @Test func anAnswerThatTakesTooLongIsCutAndItsRowIsFreed() async throws {
    let harness = try Harness { $0.limits.requestSeconds = 0.2 }
    harness.service.follow(.hang)
    let streamed = try await harness.chat(#""stream": true"#)
    #expect(streamed.events.last?.contains("timeout") == true)
    let whole = try await harness.chat()
    #expect(whole.status == 504)
    try await Task.sleep(for: .milliseconds(100))
    #expect(harness.service.state.withLock { $0.cancelled } == 2)
  }
}
