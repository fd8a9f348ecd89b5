import Foundation
import MotetHub
import MotetModels

/// A fake hub, a cache of its own, and pulls from one into the other.
struct PullBench {
  let hub: FakeHub
  let cache: HubCache
  var token: String?
  var name = "org/tiny"

  /// A small model: three small files and one that the hub keeps as a large one.
  static let model: [String: [UInt8]] = [
    "config.json": Array("{\"model_type\": \"llama\"}".utf8), "tokenizer.json": Array("{}".utf8),
    "README.md": Array("# Tiny".utf8), "model.safetensors": weights(300_000),
  ]

  static func weights(_ count: Int, seed: Int = 7) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 31) ^ ($0 >> 8) ^ seed) }
  }

  /// Runs `body` with a hub that has the small model, and an empty cache.
  static func with<Result>(
    _ files: [String: [UInt8]] = model, large: Set<String> = ["model.safetensors"],
    _ body: (PullBench) async throws -> Result
  ) async throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: "motet-hub-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try await FakeHub.with { hub in
      hub.change { ($0.files, $0.large) = (files, large) }
      return try await body(PullBench(hub: hub, cache: HubCache(root: folder.appending(path: "hub"))))
    }
  }

  var settings: HubSettings {
    var settings = HubSettings(endpoint: hub.endpoint, token: token, cache: cache)
    settings.patience.firstPause = 0.01
    settings.patience.silence = 5
    return settings
  }

  @discardableResult
  func pull(gguf: String? = nil, _ change: (inout HubSettings) -> Void = { _ in }) async throws
    -> HubPull.Pulled
  {
    var settings = settings
    change(&settings)
    return try await HubPull(try HubName(parsing: name), gguf: gguf, settings: settings).run()
  }

  /// What a pull ends with; nil if it goes well.
  func failure(gguf: String? = nil) async -> HubError? {
    do {
      try await pull(gguf: gguf)
      return nil
    } catch { return error as? HubError }
  }

  /// Whether every file of the pull has the bytes that the hub has.
  func isWhole(_ pulled: HubPull.Pulled?, _ files: [String: [UInt8]] = model) -> Bool {
    guard let pulled, let name = try? HubName(parsing: name), !pulled.files.isEmpty else { return false }
    let snapshot = cache.snapshot(of: name, commit: pulled.commit)
    return pulled.files.allSatisfy { path in
      (try? Data(contentsOf: snapshot.appending(path: path))).map { [UInt8]($0) == files[path] } ?? false
    }
  }

  /// The files among the blobs that are not complete.
  var unfinished: [String] {
    let name = (try? HubName(parsing: name)).map { cache.folder(of: $0) } ?? cache.root
    let blobs = try? FileManager.default.contentsOfDirectory(atPath: name.appending(path: "blobs").path)
    return (blobs ?? ["no folder of blobs"]).filter { !($0.count == 40 || $0.count == 64) }
  }
}
