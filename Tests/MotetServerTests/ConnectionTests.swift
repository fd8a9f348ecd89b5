import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization
import Testing

@testable import MotetServer

/// Over real connections.
@Suite(.serialized) struct ConnectionTests {
  private static let chat = #"{"messages": [{"role": "user", "content": "Hi"}]}"#

  private func request(_ body: String) -> String {
    "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
  }

  /// Waits until the service has seen a cancellation.
  private func cancellations(_ service: ScriptedService) async throws -> Int {
    for _ in 0..<100 {
      let count = service.state.withLock { $0.cancelled }
      if count > 0 { return count }
      try await Task.sleep(for: .milliseconds(20))
    }
    return 0
  }

  @Test(arguments: [false, true])
  func aClientThatGoesFreesItsRow(streaming: Bool) async throws {
    let harness = try Harness()
    harness.service.follow(.hang)
    let body = streaming ? Self.chat.dropLast() + #", "stream": true}"# : Self.chat[...]
    let sent = request(String(body))
    try await harness.server.application().test(.live) { client in
      let port = try #require(client.port)
      let text = try await exchange(port, sent)
      #expect(text.contains("Hel") == streaming)
      #expect(try await cancellations(harness.service) == 1)
      harness.service.follow(.say("still here"))
      #expect(try await exchange(port, request(Self.chat)).contains("still here"))
    }
  }

  @Test(arguments: [CloseMode.all, .output])
  func aClientThatGoesBeforeItsRequestIsTakenFreesItsRow(mode: CloseMode) async throws {
    let harness = try Harness()
    harness.service.follow(.hangAfter(seconds: 0.3))
    try await harness.server.application().test(.live) { client in
      let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        .channelOption(.allowRemoteHalfClosure, value: true)
        .connect(host: "localhost", port: try #require(client.port)).get()
      try await channel.writeAndFlush(ByteBuffer(string: request(Self.chat)))
      try await Task.sleep(for: .seconds(0.1))
      try await channel.close(mode: mode)
      #expect(try await cancellations(harness.service) == 1)
      try? await channel.close()
    }
  }

  /// An alarm on errors of the server's must not go off when somebody closes a window.
  @Test func aClientThatGoesIsNoErrorOfTheServers() async throws {
    let harness = try Harness()
    harness.service.follow(.hang)
    try await harness.server.application().test(.live) { client in
      _ = try await exchange(try #require(client.port), request(Self.chat))
      #expect(try await cancellations(harness.service) == 1)
      var lines: [String] = []
      for _ in 0..<100 where lines.isEmpty {
        try await Task.sleep(for: .milliseconds(20))
        lines = harness.log.all.filter { $0.contains("/v1/chat/completions") }
      }
      #expect(lines.count == 1)
      #expect(
        lines.allSatisfy { $0.contains(#""status":499"#) && $0.contains(#""level":"info""#) }, "\(lines)")
    }
  }

  @Test(arguments: ["zz\r\n{}\r\n0\r\n\r\n", "2\r\n{}xx\r\n0\r\n\r\n"])
  func aBodyInBrokenChunksIsTheClientsFault(chunks: String) async throws {
    let harness = try Harness()
    try await harness.server.application().test(.live) { client in
      let head =
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
      let reply = try await exchange(try #require(client.port), head + chunks)
      #expect(reply.hasPrefix("HTTP/1.1 400"), "\(reply.prefix(200))")
      #expect(!harness.log.all.contains { $0.contains(#""level":"error""#) })
    }
  }

  @Test func whoLeftIsRememberedUntilItsRequestsEnd() async throws {
    let watch = ConnectionWatch()
    let channel = try await DatagramBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .bind(host: "localhost", port: 0).get()
    let calls = Mutex(0)
    let call: @Sendable () -> Void = { calls.withLock { $0 += 1 } }
    _ = watch.onLeave(of: channel, call)
    #expect(calls.withLock { $0 } == 0, "a channel that nobody opened")
    #expect(watch.opened(channel) == .taken)
    let ticket = watch.onLeave(of: channel, call)
    watch.closed(channel, forGood: false)
    watch.closed(channel, forGood: true)
    #expect(calls.withLock { $0 } == 1)
    watch.forget(ticket, of: channel)
    _ = watch.onLeave(of: channel, call)
    #expect(calls.withLock { $0 } == 2)
    #expect(watch.opened(channel) == .taken)
    _ = watch.onLeave(of: channel, call)
    #expect(calls.withLock { $0 } == 2, "the same address, opened anew")
    #expect(watch.count == 1)
    try await channel.close()
  }

  @Test func oneConnectionTakesManyRequests() async throws {
    let harness = try Harness()
    try await harness.server.application().test(.live) { client in
      let text = try await exchange(
        try #require(client.port),
        request(Self.chat) + request(Self.chat)
          + "GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\r\n")
      #expect(text.components(separatedBy: "HTTP/1.1 200 OK").count == 4)
    }
  }

  @Test func aHundredMegabytesAreRefusedWithoutBeingRead() async throws {
    let harness = try Harness()
    try await harness.server.application().test(.live) { client in
      let head =
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n"
      let text = try await exchange(try #require(client.port), head + String(repeating: "a", count: 1000))
      #expect(text.hasPrefix("HTTP/1.1 413"))
      #expect(text.contains("body_too_large"))
    }
  }

  @Test func onlySoManyLongBodiesAreReadAtOnceAndShortOnesAlways() async throws {
    let harness = try Harness {
      $0.limits.largeBodies = 1
      $0.limits.smallBodyBytes = 10_000
    }
    let long =
      #"{"messages": [{"role": "user", "content": "Hi"}], "user": "\#(String(repeating: "a", count: 50_000))"}"#
    try await harness.server.application().test(.live) { client in
      let port = try #require(client.port)
      let slow = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        .connect(host: "localhost", port: port).get()
      let whole = request(long)
      try await slow.writeAndFlush(ByteBuffer(string: String(whole.prefix(30_000))))
      try await Task.sleep(for: .seconds(0.2))
      let refused = try await exchange(port, whole)
      #expect(refused.hasPrefix("HTTP/1.1 429"))
      #expect(refused.lowercased().contains("retry-after: 1"))
      let told =
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
      let chunk = String(long.utf8.count, radix: 16) + "\r\n\(long)\r\n0\r\n\r\n"
      #expect(try await exchange(port, told + chunk).hasPrefix("HTTP/1.1 429"))
      #expect(try await exchange(port, request(Self.chat)).contains("Hello, world!"))
      try await slow.writeAndFlush(ByteBuffer(string: String(whole.dropFirst(30_000))))
      try await Task.sleep(for: .seconds(0.2))
      #expect(try await exchange(port, whole).contains("Hello, world!"))
      try await slow.close()
      // One that breaks off gives its place back.
      _ = try await exchange(port, String(whole.prefix(30_000)), leavingAfter: 0.1)
      #expect(try await exchange(port, whole).contains("Hello, world!"))
    }
  }

  @Test func aBodyThatIsCutInTheMiddleHarmsNothing() async throws {
    let harness = try Harness()
    try await harness.server.application().test(.live) { client in
      let port = try #require(client.port)
      _ = try await exchange(
        port,
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"prompt\": ",
        leavingAfter: 0.1)
      _ = try await exchange(port, "\u{16}\u{3}\u{1} garbage\r\n\r\n", leavingAfter: 0.1)
      #expect(try await exchange(port, request(Self.chat)).contains("Hello, world!"))
    }
  }

  @Test func aBodyThatDoesNotComeIsNotWaitedForLong() async throws {
    let harness = try Harness { $0.limits.bodySeconds = 0.2 }
    try await harness.server.application().test(.live) { client in
      let text = try await exchange(
        try #require(client.port),
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"
      )
      #expect(text.hasPrefix("HTTP/1.1 408"))
    }
  }

  @Test func aConnectionThatSaysNothingIsClosed() async throws {
    let harness = try Harness { $0.limits.headSeconds = 0.2 }
    try await harness.server.application().test(.live) { client in
      let port = try #require(client.port)
      let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        .connect(host: "localhost", port: port).get()
      let began = ContinuousClock.now
      try await channel.closeFuture.get()
      #expect(ContinuousClock.now - began < .seconds(5))
    }
  }

  private func connect(_ port: Int) async throws -> any Channel {
    try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .connect(host: "127.0.0.1", port: port).get()
  }

  @Test(arguments: [(3, 100), (100, 3)])
  func moreConnectionsThanMayBeAreRefused(most: Int, ofAddress: Int) async throws {
    let harness = try Harness {
      $0.limits.connections = most
      $0.limits.connectionsOfAddress = ofAddress
    }
    try await harness.server.application().test(.live) { client in
      let port = try #require(client.port)
      // The client of the test holds one.
      var open: [any Channel] = []
      for _ in 0..<2 { open.append(try await connect(port)) }
      try await Task.sleep(for: .seconds(0.2))
      let refused = try await exchange(port, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
      #expect(refused.hasPrefix("HTTP/1.1 503"), "\(refused)")
      #expect(refused.contains("too_many_connections") && refused.lowercased().contains("retry-after: 1"))
      #expect(harness.log.all.contains { $0.contains("too many connections") && $0.contains("127.0.0.1") })
      // One that says nothing is closed.
      let silent = try await connect(port)
      let began = ContinuousClock.now
      try await silent.closeFuture.get()
      #expect(ContinuousClock.now - began < .seconds(4))
      try await open.removeLast().close()
      try await Task.sleep(for: .seconds(0.2))
      let taken = try await exchange(port, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
      #expect(taken.hasPrefix("HTTP/1.1 200"), "\(taken)")
      for channel in open { try? await channel.close() }
    }
  }

  /// A body that was begun and never ends does not hold up the exit.
  @Test func aHalfSentBodyDoesNotHoldUpTheEnd() async throws {
    let harness = try Harness { $0.port = 0 }
    let (ports, told) = AsyncStream.makeStream(of: Int.self)
    let application = try harness.server.application { port in told.yield(port) }
    let group = ServiceGroup(
      services: [application], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let run = Task { try await group.run() }
    var iterator = ports.makeAsyncIterator()
    let port = try #require(await iterator.next())
    let head = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    var open: [any Channel] = []
    for text in [
      head + "Content-Length: 500\r\n\r\n{", head + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
      "POST /v1",
    ] {
      let channel = try await connect(port)
      try await channel.writeAndFlush(ByteBuffer(string: text))
      open.append(channel)
    }
    try await Task.sleep(for: .seconds(0.3))
    let began = ContinuousClock.now
    await group.triggerGracefulShutdown()
    try await run.value
    #expect(ContinuousClock.now - began < .seconds(5))
    for channel in open { try? await channel.close() }
  }
}
