import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import Testing

@testable import MotetServer

/// Answers under way and tokens a minute, of each key.
@Suite struct KeyLimitTests {
  private func caller(answers: Int? = nil, tokens: Int? = nil, name: String = "a") -> Caller {
    Caller(APIKey(name: name, hash: [], answers: answers, tokensPerMinute: tokens))
  }

  private func refusal(_ body: () throws -> Void) -> APIError? {
    do { try body() } catch { return error as? APIError }
    return nil
  }

  @Test func aKeyHasSoManyAnswersUnderWay() throws {
    let shares = KeyShares()
    let own = caller(answers: 3)
    let first = try shares.begin(own, answers: 2, promptTokens: 5)
    let second = try shares.begin(own, answers: 1, promptTokens: 5)
    let over = refusal { _ = try shares.begin(own, answers: 1, promptTokens: 5) }
    #expect(over?.status == .tooManyRequests && over?.headers[.retryAfter] == "1")
    _ = try shares.begin(caller(answers: 3, name: "b"), answers: 3, promptTokens: 5)
    _ = try shares.begin(.anyone, answers: 1_000, promptTokens: 5)
    first.end()
    first.end()
    do {
      _ = try shares.begin(own, answers: 2, promptTokens: 5)
      // Nobody holds it any more.
    }
    let third = try shares.begin(own, answers: 2, promptTokens: 5)
    #expect(refusal { _ = try shares.begin(own, answers: 1, promptTokens: 5) } != nil)
    // It would wait for ever.
    #expect(refusal { _ = try shares.begin(own, answers: 4, promptTokens: 5) }?.status == .badRequest)
    second.end()
    third.end()
  }

  @Test func aKeyUsesSoManyTokensAMinute() throws {
    let shares = KeyShares()
    let own = caller(tokens: 600)
    let start = ContinuousClock.now
    let share = try shares.begin(own, answers: 1, promptTokens: 400, at: start)
    share.spend(350)
    let over = refusal { _ = try shares.begin(own, answers: 1, promptTokens: 50, at: start) }
    // 150 too many, and 50 to come, at 10 a second.
    #expect(over?.status == .tooManyRequests && over?.headers[.retryAfter] == "20")
    #expect(
      refusal { _ = try shares.begin(own, answers: 1, promptTokens: 50, at: start + .seconds(19)) } != nil)
    _ = try shares.begin(own, answers: 1, promptTokens: 50, at: start + .seconds(20))
    _ = try shares.begin(caller(tokens: 600, name: "b"), answers: 1, promptTokens: 600, at: start)
    // More than a minute's worth waits for a minute's worth.
    _ = try shares.begin(own, answers: 1, promptTokens: 5_000, at: start + .seconds(200))
    #expect(
      refusal { _ = try shares.begin(own, answers: 1, promptTokens: 1, at: start + .seconds(201)) } != nil)
  }

  private static let keys = [
    APIKey(name: "few", hash: APIKey.hash("few"), answers: 2, weight: 0.5),
    APIKey(name: "short", hash: APIKey.hash("short"), tokensPerMinute: 40),
    APIKey(name: "free", hash: APIKey.hash("free")),
  ]

  @Test func theRoutesHoldAKeyToItsLimits() async throws {
    let harness = try Harness(keys: Self.keys)
    #expect(try await harness.chat(#""n": 3"#, key: "few").parameter == "n")
    #expect(try await harness.chat(#""n": 2"#, key: "few").status == 200)
    #expect(try await harness.chat(#""n": 2"#, key: "few").status == 200, "the first ones have ended")
    #expect(harness.service.requests.allSatisfy { $0.client == "few" && $0.clientWeight == 0.5 })
    // 21 tokens of the prompt and 13 of the answer: 6 are left.
    #expect(try await harness.chat(key: "short").status == 200)
    #expect(harness.service.requests.last?.comesWhole == false)
    let over = try await harness.chat(key: "short")
    #expect(over.status == 429 && over.headers[.retryAfter].flatMap { Int($0) } ?? 0 > 0, "\(over.text)")
    let texts = #"{"input": "\#(String(repeating: "a", count: 30))"}"#
    #expect(try await harness.post("/v1/embeddings", texts, key: "short").status == 429)
    #expect(try await harness.post("/v1/embeddings", texts, key: "free").status == 200)
    #expect(harness.service.requests.last?.client == "free")
  }

  @Test func aStreamThatItsClientLeavesGivesItsPlaceBack() async throws {
    let harness = try Harness(keys: Self.keys)
    harness.service.follow(.hang)
    try await harness.server.application().test(.live) { client in
      let port = try #require(client.port)
      let body = #"{"messages": [{"role": "user", "content": "Hi"}], "n": 2, "stream": true}"#
      let request =
        "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer few\r\n"
        + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
      async let first = exchange(port, request, leavingAfter: 0.5)
      try await Task.sleep(for: .seconds(0.2))
      #expect(try await exchange(port, request, leavingAfter: 0.2).hasPrefix("HTTP/1.1 429"))
      _ = try await first
      try await Task.sleep(for: .seconds(0.3))
      #expect(try await exchange(port, request, leavingAfter: 0.2).hasPrefix("HTTP/1.1 200"))
    }
  }
}
