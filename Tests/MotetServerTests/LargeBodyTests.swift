import Hummingbird
import HummingbirdTesting
import NIOCore
import NIOPosix
import Testing

@testable import MotetServer

/// Nobody holds all the places for long bodies by being slow to send them.
@Suite struct LargeBodyTests {
  private func isTaken(_ body: LargeBody) -> LargeBodies.Refusal? {
    do { try body.begin() } catch { return error }
    return nil
  }

  @Test func aClientHoldsNoMoreThanItsShare() {
    let all = LargeBodies(most: 3, mostOfClient: 2)
    let own = (0..<3).map { _ in LargeBody(all, of: "acme") }
    #expect(own.map(isTaken) == [nil, nil, .fullForClient])
    #expect(isTaken(own[0]) == nil, "it has its place already")
    let others = (0..<2).map { _ in LargeBody(all, of: "globex") }
    #expect(others.map(isTaken) == [nil, .full])
    own[0].end()
    own[0].end()
    #expect(isTaken(others[1]) == nil && isTaken(own[2]) == .full)
    for body in own + others { body.end() }
    #expect(own.map(isTaken) == [nil, nil, .fullForClient])
  }

  private func sent(_ key: String, _ body: String) -> String {
    "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\nAuthorization: Bearer \(key)\r\n"
      + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
  }

  @Test func aSlowKeyLeavesPlacesForOthers() async throws {
    let keys = ["slow", "other"].map { APIKey(name: $0, hash: APIKey.hash("mot_" + $0)) }
    let harness = try Harness(keys: keys) {
      $0.limits.largeBodies = 4
      $0.limits.largeBodiesOfClient = 2
      $0.limits.smallBodyBytes = 10_000
    }
    let long =
      #"{"messages": [{"role": "user", "content": "Hi"}], "user": "\#(String(repeating: "a", count: 50_000))"}"#
    try await harness.server.application().test(.live) { client in
      let port = try #require(client.port)
      func connect() async throws -> any Channel {
        try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
          .connect(host: "localhost", port: port).get()
      }
      func ask(_ key: String) async throws -> String { try await exchange(port, sent("mot_\(key)", long)) }
      var slow: [any Channel] = []
      for _ in 0..<2 {
        slow.append(try await connect())
        try await slow[slow.count - 1].writeAndFlush(
          ByteBuffer(string: String(sent("mot_slow", long).prefix(30_000))))
      }
      try await Task.sleep(for: .seconds(0.3))
      let refused = try await ask("slow")
      #expect(refused.hasPrefix("HTTP/1.1 429"), "\(refused.prefix(200))")
      #expect(refused.lowercased().contains("retry-after: 1") && refused.contains("of yours"))
      for _ in 0..<3 { #expect(try await ask("other").contains("Hello, world!")) }
      for channel in slow { try await channel.close() }
      try await Task.sleep(for: .seconds(0.3))
      #expect(try await ask("slow").contains("Hello, world!"))
    }
  }

  /// Without keys a client is the address that it comes from.
  @Test func withoutKeysAClientIsItsAddress() async throws {
    let harness = try Harness {
      $0.limits.largeBodies = 4
      $0.limits.largeBodiesOfClient = 0
      $0.limits.smallBodyBytes = 10_000
    }
    let long = #"{"prompt": "a", "user": "\#(String(repeating: "a", count: 50_000))"}"#
    #expect(try await harness.post("/v1/completions", long).status == 429)
    #expect(try await harness.post("/v1/completions", #"{"prompt": "a"}"#).status == 200)
  }
}
