import Foundation
import MotetModels
import NIOHTTP1
import Testing

@testable import MotetHub

/// What breaks on the way, and what comes of it.
struct HubTransferTests {
  private let weights = "model.safetensors"

  /// A pull whose first requests for the weights meet `faults`.
  private func pull(
    _ faults: [FakeHub.Fault], _ body: (PullBench, HubPull.Pulled?, HubError?) throws -> Void
  ) async throws {
    try await PullBench.with { bench in
      bench.hub.change { $0.faults[weights] = faults }
      do { try body(bench, try await bench.pull(), nil) } catch let error as HubError {
        try body(bench, nil, error)
      }
    }
  }

  private func ranges(_ bench: PullBench) -> [String] {
    bench.hub.requests.filter { $0.path.hasSuffix(weights) && $0.method == .GET }
      .map { $0.headers.first(name: "Range") ?? "all" }
  }

  private static let breaks: FakeHub.Fault = { _, reply in
    var reply = reply
    reply.breaksAfter = 100_000
    return reply
  }

  private static let breaksInChunks: FakeHub.Fault = { _, reply in
    var reply = reply
    (reply.breaksAfter, reply.isChunked) = (100_000, true)
    return reply
  }

  @Test func goesOnAfterABreak() async throws {
    for fault in [Self.breaks, Self.breaksInChunks] {
      try await pull([fault, fault]) { bench, pulled, _ in
        #expect(bench.isWhole(pulled))
        #expect(ranges(bench) == ["all", "bytes=100000-", "bytes=200000-"])
        let tags = bench.hub.requests.compactMap { $0.headers.first(name: "If-Range") }
        #expect(
          tags.allSatisfy { $0 == "\"\(FakeHub.sha256(PullBench.weights(300_000)))\"" } && tags.count == 2)
      }
    }
  }

  @Test func beginsAgainWhenRangesAreIgnored() async throws {
    let ignores: FakeHub.Fault = { _, reply in
      FakeHub.Reply(headers: ["ETag": "\"other\""], body: PullBench.weights(300_000))
    }
    try await pull([Self.breaks, ignores]) { bench, pulled, _ in
      #expect(bench.isWhole(pulled))
      #expect(ranges(bench) == ["all", "bytes=100000-"])
    }
  }

  @Test func beginsAgainAfterAnotherPartThanWasAskedFor() async throws {
    let other: FakeHub.Fault = { _, reply in
      var reply = reply
      reply.headers.replaceOrAdd(name: "Content-Range", value: "bytes 5-299999/300000")
      return reply
    }
    let none: FakeHub.Fault = { _, _ in FakeHub.Reply(status: .rangeNotSatisfiable) }
    for fault in [other, none] {
      try await pull([Self.breaks, fault]) { bench, pulled, _ in
        #expect(bench.isWhole(pulled))
        #expect(ranges(bench) == ["all", "bytes=100000-", "all"])
      }
    }
  }

  @Test func givesUpAfterAFewAttemptsAndKeepsWhatArrived() async throws {
    try await PullBench.with { bench in
      let stops: FakeHub.Fault = { _, reply in
        var reply = reply
        reply.breaksAfter = 1000
        return reply
      }
      bench.hub.change { $0.faults[weights] = Array(repeating: stops, count: 5) }
      guard case .broken? = await bench.failure() else { return #expect(Bool(false), "it does not give up") }
      #expect(ranges(bench).count == 5)
      #expect(bench.unfinished.count == 1)
      #expect(try bench.cache.snapshot(of: HubName(parsing: "org/tiny")) == nil)
      let pulled = try await bench.pull()
      #expect(bench.isWhole(pulled))
      #expect(ranges(bench).last == "bytes=5000-")
      #expect(pulled.bytesFetched == 295_000)
    }
  }

  @Test func goesOnAfterASilence() async throws {
    try await PullBench.with { bench in
      let stalls: FakeHub.Fault = { _, reply in
        var reply = reply
        (reply.breaksAfter, reply.isStalled) = (100_000, true)
        return reply
      }
      bench.hub.change { $0.faults[weights] = [stalls] }
      let pulled = try await bench.pull { $0.patience.silence = 0.5 }
      #expect(bench.isWhole(pulled))
      #expect(ranges(bench) == ["all", "bytes=100000-"])
    }
  }

  @Test func asksAgainForAListing() async throws {
    try await PullBench.with { bench in
      bench.hub.change { state in
        state.routes["/api/models/org/tiny/tree"] = { [hub = bench.hub] _ in
          hub.change { $0.routes = [:] }
          return FakeHub.Reply(status: .serviceUnavailable)
        }
      }
      let pulled = try await bench.pull()
      #expect(bench.isWhole(pulled))
      #expect(bench.hub.requests.filter { $0.path.contains("/tree/") }.count == 2)
    }
  }

  @Test func goesOnWithAFileThatOnlyHasATagIfItIsTheSame() async throws {
    for isSame in [true, false] {
      try await PullBench.with { bench in
        bench.hub.change { ($0.hasHashes, $0.large) = (false, []) }
        let blobs = bench.cache.root.appending(path: "models--org--tiny/blobs")
        try FileManager.default.createDirectory(at: blobs, withIntermediateDirectories: true)
        let bytes = PullBench.weights(300_000)
        let begun = blobs.appending(path: FakeHub.gitHash(bytes) + ".incomplete")
        try Data(bytes[..<5000]).write(to: begun)
        if !isSame {
          bench.hub.change {
            $0.faults[weights] = [
              { _, reply in
                var reply = reply
                reply.headers.replaceOrAdd(name: "ETag", value: "\"other\"")
                return reply
              }
            ]
          }
        }
        let pulled = try await bench.pull()
        #expect(bench.isWhole(pulled))
        #expect(ranges(bench) == (isSame ? ["bytes=5000-"] : ["bytes=5000-", "all"]))
      }
    }
  }

  @Test func saysWhenTheCacheCannotBeWritten() async throws {
    try await PullBench.with { bench in
      let place = bench.cache.root
      try FileManager.default.createDirectory(
        at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data("a file".utf8).write(to: place)
      guard case .unwritable(_, let reason)? = await bench.failure() else {
        return #expect(Bool(false), "a file is no folder")
      }
      #expect(!reason.contains("Error"), "\(reason)")
    }
  }

  @Test func waitsWhenTheHubIsBusy() async throws {
    let busy: FakeHub.Fault = { _, _ in FakeHub.Reply(status: .tooManyRequests, headers: ["Retry-After": "1"])
    }
    let fails: FakeHub.Fault = { _, _ in FakeHub.Reply(status: .badGateway) }
    let start = ContinuousClock.now
    try await pull([fails, busy]) { bench, pulled, _ in
      #expect(bench.isWhole(pulled))
      #expect(ContinuousClock.now - start > .seconds(1))
      #expect(ranges(bench).count == 3)
    }
    let long: FakeHub.Fault = { _, _ in
      FakeHub.Reply(status: .tooManyRequests, headers: ["Retry-After": "900"])
    }
    try await pull([long]) { _, _, error in #expect(error == .tooManyRequests(seconds: 900)) }
    try await pull(Array(repeating: fails, count: 5)) { _, _, error in
      guard case .status(502, _, _)? = error else { return #expect(Bool(false), "\(error as Any)") }
    }
  }

  @Test func keepsNoFileOfAnotherHash() async throws {
    let other: FakeHub.Fault = { _, reply in
      var reply = reply
      reply.body[reply.body.count / 2] ^= 1
      return reply
    }
    try await pull([other]) { bench, _, error in
      guard case .wrongHash(weights, _, _)? = error else { return #expect(Bool(false), "\(error as Any)") }
      #expect(bench.unfinished.isEmpty)
    }
    // What was put together may be wrong where the file is right.
    try await pull([Self.breaks, other]) { bench, pulled, _ in
      #expect(bench.isWhole(pulled))
      #expect(ranges(bench) == ["all", "bytes=100000-", "all"])
    }
    try await PullBench.with { bench in
      bench.hub.change { $0.faults["config.json"] = [other] }
      guard case .wrongHash("config.json", _, _)? = await bench.failure() else {
        return #expect(Bool(false), "a small file is not checked")
      }
    }
  }

  @Test func keepsNoFileOfAnotherSize() async throws {
    for isChunked in [false, true] {
      let longer: FakeHub.Fault = { _, reply in
        var reply = reply
        reply.body += [1]
        reply.isChunked = isChunked
        return reply
      }
      try await pull([longer]) { bench, _, error in
        #expect(error == .wrongSize(file: weights, expected: 300_000, found: 300_001))
        #expect(bench.unfinished.isEmpty)
      }
    }
  }

  @Test func refusesAPageOrAPointerInPlaceOfAFile() async throws {
    for text in [
      "<!DOCTYPE html><html>log in</html>",
      "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 5\n",
    ] {
      for isChunked in [false, true] {
        let page: FakeHub.Fault = { _, _ in FakeHub.Reply(body: Array(text.utf8), isChunked: isChunked) }
        try await pull([page]) { bench, _, error in
          guard case .foreign(weights, _)? = error else { return #expect(Bool(false), "\(error as Any)") }
          #expect(bench.unfinished.isEmpty)
        }
      }
    }
  }

  @Test func losesNothingWhenCancelled() async throws {
    try await PullBench.with { bench in
      let stalls: FakeHub.Fault = { _, reply in
        var reply = reply
        (reply.breaksAfter, reply.isStalled) = (120_000, true)
        return reply
      }
      bench.hub.change { $0.faults[weights] = [stalls] }
      let task = Task { try await bench.pull() }
      let partial = bench.cache.root.appending(
        path: "models--org--tiny/blobs/\(FakeHub.sha256(PullBench.weights(300_000))).incomplete")
      for _ in 0..<400 {
        let size = try? FileManager.default.attributesOfItem(atPath: partial.path)[.size] as? Int
        if size == 120_000 { break }
        try await Task.sleep(for: .milliseconds(10))
      }
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
      #expect(try Data(contentsOf: partial).count == 120_000)
      let pulled = try await bench.pull()
      #expect(bench.isWhole(pulled))
      #expect(ranges(bench) == ["all", "bytes=120000-"])
    }
  }

  @Test func waitsForAnotherProcessThatFetchesTheSameFile() async throws {
    try await PullBench.with { bench in
      async let first = bench.pull()
      async let second = bench.pull()
      let (one, two) = try await (first, second)
      #expect(one.url == two.url)
      #expect(bench.isWhole(one))
      #expect(ranges(bench).count == 1)
    }
  }

  @Test func asksForRoomBefore() async throws {
    let store = HubStore(
      cache: HubCache(root: FileManager.default.temporaryDirectory), name: try HubName(parsing: "org/tiny"))
    try store.prepare()
    defer { try? FileManager.default.removeItem(at: store.cache.folder(of: store.name)) }
    #expect(throws: HubError.self) { try store.requireSpace(1 << 50) }
    try store.requireSpace(1)
  }
}
