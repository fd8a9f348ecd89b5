import Foundation
import MotetAdapters
import MotetModels
import MotetTensor

@testable import MotetServing

/// Tests/Fixtures/tiny: two layers, a context of 128, 288 tokens.
enum TinyModel {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../Fixtures/tiny").standardizedFileURL

  static func load() async throws -> BaseModel {
    let source = try HuggingFaceFolder(folder.appending(path: "model"))
    return try await BaseModel.load(source, name: "tiny", precision: .f32)
  }

  /// Calls `body` with an empty folder that is removed afterwards.
  static func withFolder<T>(
    isolation: isolated (any Actor)? = #isolation, _ body: (URL) async throws -> T
  ) async throws -> T {
    let place = FileManager.default.temporaryDirectory.appending(path: "motet-serving-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: place) }
    return try await body(place)
  }
}

/// An adapter of all matrices with B not zero, as it would lie in a folder.
func noisyWeights(_ base: BaseModel, rank: Int = 4, seed: UInt64) throws -> AdapterWeights {
  let fresh = try LoRA(rank: rank).initialWeights(for: base, seed: seed)
  var sites: [String: LowRankWeights] = [:]
  for (path, site) in fresh.sites {
    var generator = SeededGenerator(seed: seed, for: path)
    sites[path] = try LowRankWeights(
      rank: site.rank, inputs: site.inputs, outputs: site.outputs, loraA: site.loraA,
      loraB: site.loraB.map { _ in Float(generator.normal()) * 0.2 }, scale: site.scale)
  }
  return try AdapterWeights(sites: sites)
}

/// Folders `a`, `b`, … under `place`, each an adapter of its own.
func writeAdapters(_ names: [String], in place: URL, for base: BaseModel, rank: Int = 4) throws {
  for (index, name) in names.enumerated() {
    try noisyWeights(base, rank: rank, seed: UInt64(index + 1)).write(to: place.appending(path: name))
  }
}

func mix(_ text: String) -> MixSpecification {
  (try? MixSpecification(parsing: text)) ?? .base
}

/// What came of a request.
struct Answer: Equatable, Sendable {
  var mix = ""
  var cachedTokens = 0
  var text = ""
  var tokens: [ServedToken] = []
  var reason: FinishReason?
  var usage: ServingUsage?

  var ids: [Int32] { tokens.map(\.id) }
}

extension ServingEngine {
  func whole(_ request: ServingRequest) async throws -> Answer {
    var answer = Answer()
    for try await event in try await self.answer(request) {
      switch event {
      case .begun(let mix, let cached): (answer.mix, answer.cachedTokens) = (mix.description, cached)
      case .piece(let text, let tokens):
        answer.text += text
        answer.tokens += tokens
      case .ended(let reason, let usage): (answer.reason, answer.usage) = (reason, usage)
      }
    }
    return answer
  }

  /// All at once.
  func together(_ requests: [ServingRequest]) async throws -> [Answer] {
    try await withThrowingTaskGroup(of: (Int, Answer).self) { group in
      for (index, request) in requests.enumerated() {
        group.addTask { (index, try await self.whole(request)) }
      }
      var answers = [Answer](repeating: Answer(), count: requests.count)
      for try await (index, answer) in group { answers[index] = answer }
      return answers
    }
  }

  /// Waits until nothing is under way.
  func settled() async throws {
    for _ in 0..<1000 {
      let status = await status()
      if status.running == 0, status.waiting == 0 { return }
      try await Task.sleep(for: .milliseconds(2))
    }
  }
}

func greedy(
  _ id: String, _ prompt: [Int32], _ name: String = "base", tokens: Int = 12, ignoresEnd: Bool = true
) -> ServingRequest {
  var sampling = ServingSampling()
  sampling.temperature = 0
  return ServingRequest(
    id: id, prompt: prompt, mix: mix(name), maximumTokens: tokens, sampling: sampling, ignoresEnd: ignoresEnd)
}

/// A prompt of so many tokens.
func prompt(_ count: Int, seed: Int = 0) -> [Int32] {
  (0..<count).map { Int32(3 + ($0 * 13 + seed * 29) % 280) }
}
