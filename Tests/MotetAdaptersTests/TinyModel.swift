import Foundation
import MotetAdapters
import MotetFormats
import MotetModels
import MotetTensor

/// Tests/Fixtures/tiny, made by PyTorch, transformers and PEFT through Tests/Fixtures/tiny.py.
enum TinyModel {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../Fixtures/tiny").standardizedFileURL
  static let adapter = folder.appending(path: "adapter")

  static func load(_ place: URL? = nil) async throws -> BaseModel {
    let source = try HuggingFaceFolder(place ?? folder.appending(path: "model"))
    return try await BaseModel.load(source, name: "tiny", precision: .f32)
  }

  static func sequences() throws -> [[Int32]] {
    struct Expected: Decodable { let sequences: [[Int32]] }
    let file = folder.appending(path: "expected.json")
    return try JSONDecoder().decode(Expected.self, from: Data(contentsOf: file)).sequences
  }

  static func tensor(_ name: String) throws -> [Float] {
    try SafetensorsFile(contentsOf: folder.appending(path: "expected.safetensors")).tensor(name).floats()
  }

  /// Calls `body` with an empty folder that is removed afterwards.
  static func withFolder<T>(
    isolation: isolated (any Actor)? = #isolation, _ body: (URL) async throws -> T
  ) async throws -> T {
    let place = FileManager.default.temporaryDirectory.appending(path: "motet-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: place) }
    return try await body(place)
  }
}

/// An adapter of all matrices of a base with B not zero.
func noisyAdapter(_ name: String, on base: BaseModel, rank: Int = 4, size: Float = 0.2, seed: UInt64) throws
  -> Adapter
{
  let fresh = try LoRA(rank: rank).initialWeights(for: base, seed: seed)
  let sites = try fresh.sites.map { path, site in
    (
      path,
      try LowRankWeights(
        rank: site.rank, inputs: site.inputs, outputs: site.outputs, loraA: site.loraA,
        loraB: noise(site.loraB.count, seed: path.utf8.reduce(seed) { $0 &* 31 &+ UInt64($1) })
          .map { $0 * size },
        scale: site.scale)
    )
  }
  return Adapter(name: name, weights: try AdapterWeights(sites: Dictionary(uniqueKeysWithValues: sites)))
}

extension BaseModel {
  /// The logits at every position of one sequence, in one pass of its own.
  func wholeLogits(_ tokens: [Int32], mix: Mix) throws -> [Float] {
    try logits(
      [BatchRow(tokens: tokens, mix: try mix.bound(to: self))], at: Array(tokens.indices),
      on: Tape(recording: false)
    ).values
  }
}
