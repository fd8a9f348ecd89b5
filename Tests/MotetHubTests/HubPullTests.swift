import Foundation
import MotetFormats
import MotetModels
import Testing

@testable import MotetHub

/// Pulls that go well, against a hub on loopback.
struct HubPullTests {
  @Test func bringsAModelIntoTheHubsOwnLayout() async throws {
    try await PullBench.with { bench in
      let pulled = try await bench.pull()
      #expect(pulled.files == ["config.json", "model.safetensors", "tokenizer.json"])
      #expect(bench.isWhole(pulled))
      let commit = String(repeating: "a1", count: 20)
      #expect(pulled.commit == commit)
      let folder = bench.cache.root.appending(path: "models--org--tiny")
      #expect(pulled.url.path == folder.appending(path: "snapshots/\(commit)").path)
      let links = FileManager.default
      let weights = FakeHub.sha256(PullBench.weights(300_000))
      let config = FakeHub.gitHash(PullBench.model["config.json"]!)
      for (name, blob) in [("model.safetensors", weights), ("config.json", config)] {
        let link = folder.appending(path: "snapshots/\(commit)/\(name)").path
        #expect(try links.destinationOfSymbolicLink(atPath: link) == "../../blobs/\(blob)")
      }
      #expect(try String(contentsOf: folder.appending(path: "refs/main"), encoding: .utf8) == commit)
      #expect(bench.unfinished.isEmpty)
      #expect(pulled.bytesFetched == pulled.files.reduce(0) { $0 + PullBench.model[$1]!.count })
    }
  }

  @Test func fetchesNothingThatIsHere() async throws {
    try await PullBench.with { bench in
      try await bench.pull()
      let before = bench.hub.fetched().count
      let again = try await bench.pull()
      #expect(bench.hub.fetched().count == before)
      #expect(again.bytesFetched == 0)
      // Another commit shares what did not change.
      bench.hub.change {
        $0.commit = String(repeating: "b2", count: 20)
        $0.files["tokenizer.json"] = Array("{\"version\": 2}".utf8)
      }
      let newer = try await bench.pull()
      #expect(bench.hub.fetched().dropFirst(before) == ["tokenizer.json"])
      #expect(newer.url != again.url)
    }
  }

  @Test func readsListingsInPages() async throws {
    var files = PullBench.model
    for number in 0..<7 { files["examples/\(number).txt"] = [UInt8(number)] }
    try await PullBench.with(files) { bench in
      bench.hub.change { $0.pageSize = 2 }
      let pulled = try await bench.pull()
      #expect(pulled.files == ["config.json", "model.safetensors", "tokenizer.json"])
      #expect(bench.hub.requests.filter { $0.path.contains("/tree/") }.count == 6)
    }
  }

  @Test func tellsTheTokenToNobodyElse() async throws {
    try await PullBench.with { bench in
      try await FakeHub.with { cdn in
        cdn.change { ($0.files, $0.large) = (PullBench.model, ["model.safetensors"]) }
        bench.hub.change { $0.cdn = cdn }
        var bench = bench
        bench.token = "hf_secret"
        let pulled = try await bench.pull()
        #expect(bench.isWhole(pulled))
        #expect(bench.hub.requests.allSatisfy { $0.headers["Authorization"] == ["Bearer hf_secret"] })
        #expect(cdn.requests.count == 1)
        #expect(cdn.requests.allSatisfy { !$0.headers.contains(name: "Authorization") })
        #expect(cdn.requests.first?.query == "Signature=secret")
      }
    }
  }

  @Test func followsTheNewNameOfARepository() async throws {
    try await PullBench.with { bench in
      bench.hub.change { state in
        state.routes["/api/models/old/name"] = { request in
          let rest = request.path.dropFirst("/api/models/old/name".count)
          return FakeHub.Reply(
            status: .temporaryRedirect,
            headers: [
              "Location": "/api/models/org/tiny\(rest)" + (request.query.isEmpty ? "" : "?\(request.query)")
            ])
        }
        state.routes["/old/name"] = { request in
          FakeHub.Reply(
            status: .temporaryRedirect, headers: ["Location": "/org/tiny\(request.path.dropFirst(9))"])
        }
      }
      var bench = bench
      bench.name = "old/name"
      let pulled = try await bench.pull()
      #expect(bench.isWhole(pulled))
    }
  }

  @Test func takesTheShardsThatTheIndexNames() async throws {
    let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    let index =
      "{\"weight_map\": {\"a\": \"\(shards[0])\", \"b\": \"\(shards[1])\", \"c\": \"\(shards[0])\"}}"
    let files: [String: [UInt8]] = [
      "config.json": Array("{}".utf8), "model.safetensors.index.json": Array(index.utf8),
      shards[0]: PullBench.weights(1000), shards[1]: PullBench.weights(2000),
      "consolidated.safetensors": PullBench.weights(3000), "model.fp16.safetensors": PullBench.weights(10),
    ]
    try await PullBench.with(files, large: Set(shards)) { bench in
      let pulled = try await bench.pull()
      #expect(pulled.files == ["config.json"] + shards + ["model.safetensors.index.json"])
      #expect(bench.isWhole(pulled, files))
    }
  }

  @Test func bringsAFileWithoutAListedHashByItsTag() async throws {
    try await PullBench.with { bench in
      try await FakeHub.with { cdn in
        cdn.change { ($0.files, $0.large) = (PullBench.model, ["model.safetensors"]) }
        bench.hub.change { ($0.hasHashes, $0.cdn) = (false, cdn) }
        let pulled = try await bench.pull()
        #expect(bench.isWhole(pulled))
        let blob = "models--org--tiny/blobs/\(FakeHub.sha256(PullBench.weights(300_000)))"
        #expect(FileManager.default.fileExists(atPath: bench.cache.root.appending(path: blob).path))
        // What the hub links to says nothing of the file.
        #expect(cdn.requests.map(\.method) == [.GET])
      }
    }
  }

  @Test func keepsRevisionsApart() async throws {
    try await PullBench.with { bench in
      var bench = bench
      bench.name = "org/tiny@refs/pr/1"
      let pulled = try await bench.pull()
      #expect(bench.hub.requests.first?.path == "/api/models/org/tiny/revision/refs/pr/1")
      let reference = "models--org--tiny/refs/refs/pr/1"
      #expect(
        try String(contentsOf: bench.cache.root.appending(path: reference), encoding: .utf8) == pulled.commit)
      #expect(try bench.cache.snapshot(of: HubName(parsing: bench.name)) == pulled.url)
    }
  }

  @Test func bringsOneGGUFOfSeveral() async throws {
    let files = [
      "tiny-Q4_K_M.gguf": PullBench.weights(500), "tiny-Q8_0.gguf": PullBench.weights(900),
      "README.md": [1],
    ]
    try await PullBench.with(files, large: ["tiny-Q4_K_M.gguf", "tiny-Q8_0.gguf"]) { bench in
      let pulled = try await bench.pull(gguf: "*q4_k_m*")
      #expect(pulled.url.lastPathComponent == "tiny-Q4_K_M.gguf")
      #expect(bench.hub.fetched() == ["tiny-Q4_K_M.gguf"])
      #expect([UInt8](try Data(contentsOf: pulled.url)) == files["tiny-Q4_K_M.gguf"])
      let found = try ModelStore(root: URL(filePath: "/nowhere"), hub: bench.cache).find("org/tiny")
      #expect(found.url == pulled.url)
      let offline = try await bench.pull(gguf: "q4") { $0.isOffline = true }
      #expect(offline.url == pulled.url)
    }
  }

  @Test func findsAModelThatIsHereByItsName() async throws {
    try await PullBench.with { bench in
      let store = ModelStore(root: URL(filePath: "/nowhere"), hub: bench.cache)
      let missing = #expect(throws: ModelError.self) { try store.find("org/tiny") }
      #expect("\(try #require(missing))".contains("`motet pull org/tiny`"))
      let pulled = try await bench.pull()
      for name in ["org/tiny", "org/tiny@main", "org/tiny@\(pulled.commit)"] {
        let found = try store.find(name)
        #expect(found.url == pulled.url)
        #expect(found.name == name)
      }
      #expect(throws: ModelError.self) { try store.find("org/tiny@v2") }
      // Without a reference, the only snapshot is meant.
      try FileManager.default.removeItem(at: bench.cache.root.appending(path: "models--org--tiny/refs"))
      #expect(try store.find("org/tiny").url == pulled.url)
      let other = bench.cache.snapshot(
        of: try HubName(parsing: "org/tiny"), commit: String(repeating: "b2", count: 20))
      try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
      #expect(try store.find("org/tiny").url == pulled.url)
      try Data().write(to: other.appending(path: "config.json"))
      #expect(throws: ModelError.self) { try store.find("org/tiny") }
    }
  }

  @Test func goesThroughAProxy() async throws {
    try await PullBench.with { bench in
      try await Tunnel.with(to: bench.hub.port) { port in
        let pulled = try await bench.pull {
          $0.endpoint = URL(string: "http://hub.invalid")!
          $0.proxies.http = ProxySettings.Proxy(host: "127.0.0.1", port: port)
        }
        #expect(bench.isWhole(pulled))
      }
    }
  }

  @Test func asksNobodyWhenOffline() async throws {
    try await PullBench.with { bench in
      await #expect(throws: HubError.offline(repository: "org/tiny")) {
        try await bench.pull { $0.isOffline = true }
      }
      let pulled = try await bench.pull()
      let before = bench.hub.requests.count
      #expect(try await bench.pull { $0.isOffline = true }.url == pulled.url)
      #expect(bench.hub.requests.count == before)
    }
  }

  @Test func tellsHowFarItIs() async throws {
    try await PullBench.with { bench in
      let told = Told()
      _ = try await HubPull(HubName(parsing: "org/tiny"), settings: bench.settings).run { told.add($0) }
      let last = try #require(told.all.last)
      #expect(last.bytesDone == last.bytesTotal)
      #expect(last.bytesTotal == 300_000 + 23 + 2)
    }
  }
}
