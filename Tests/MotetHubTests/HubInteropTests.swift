import Foundation
import MotetModels
import Testing

@testable import MotetHub

/// The same cache in huggingface_hub's hands: `Tests/Fixtures/hub_cache.py` says how to run both ways.
struct HubInteropTests {
  private static let output = ProcessInfo.processInfo.environment["MOTET_INTEROP_OUTPUT"]
  private static let input = ProcessInfo.processInfo.environment["MOTET_INTEROP_INPUT"]

  @Test(.enabled(if: output != nil)) func writesACacheForOthers() async throws {
    let place = URL(filePath: try #require(Self.output)).appending(path: "motet")
    try await PullBench.with { bench in
      try await bench.pull()
      try? FileManager.default.removeItem(at: place)
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      for name in ["models--org--tiny", ".locks"] {
        try FileManager.default.copyItem(
          at: bench.cache.root.appending(path: name), to: place.appending(path: name))
      }
    }
  }

  @Test(.enabled(if: input != nil)) func fetchesNothingThatOthersWrote() async throws {
    let cache = HubCache(root: URL(filePath: try #require(Self.input)))
    let name = try HubName(parsing: "org/tiny")
    let snapshot = try #require(cache.snapshot(of: name))
    let weights = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 * 31) }
    #expect([UInt8](try Data(contentsOf: snapshot.appending(path: "model.safetensors"))) == weights)
    #expect(try ModelStore(root: URL(filePath: "/nowhere"), hub: cache).find("org/tiny").url == snapshot)
    try await FakeHub.with { hub in
      hub.change {
        $0.commit = snapshot.lastPathComponent
        $0.files = [
          "config.json": Array("{\"model_type\": \"llama\"}".utf8), "tokenizer.json": Array("{}".utf8),
          "model.safetensors": weights,
        ]
        $0.large = ["model.safetensors"]
      }
      let pulled = try await HubPull(
        name, settings: HubSettings(endpoint: hub.endpoint, cache: cache)
      ).run()
      #expect(pulled.bytesFetched == 0)
      #expect(hub.fetched().isEmpty)
      #expect(pulled.url == snapshot)
    }
  }
}
