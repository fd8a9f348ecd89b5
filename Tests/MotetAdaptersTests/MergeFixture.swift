import Foundation
import MotetAdapters

/// Tests/Fixtures/merge/merge.json, made by PEFT through Tests/Fixtures/merge.py.
struct MergeFixture: Decodable {
  struct Site: Decodable {
    let rank, inputs, outputs: Int
    let a, b: [Float]
    let scale: Float
  }
  struct Merged: Decodable, CustomStringConvertible {
    let method: String
    let adapters: [String]
    let weights: [Float]
    let rank: Int?
    let deltas: [String: [Float]]
    let bestErrors: [String: Double]

    var description: String { "\(method) \(adapters) \(weights)" }
  }
  let adapters: [String: [String: Site]]
  let merges: [Merged]

  static func load() throws -> MergeFixture {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    let file = folder.appendingPathComponent("../Fixtures/merge/merge.json")
    return try JSONDecoder().decode(MergeFixture.self, from: Data(contentsOf: file))
  }

  func adapter(_ name: String) throws -> AdapterWeights {
    try AdapterWeights(
      sites: adapters[name]!.mapValues {
        try LowRankWeights(
          rank: $0.rank, inputs: $0.inputs, outputs: $0.outputs, loraA: $0.a, loraB: $0.b, scale: $0.scale)
      })
  }

  func terms(of merge: Merged) throws -> [(adapter: AdapterWeights, weight: Float)] {
    try zip(merge.adapters, merge.weights).map { (try adapter($0), $1) }
  }
}

func largestDifference(_ a: [Float], _ b: [Float]) -> Float {
  guard a.count == b.count else { return .infinity }
  return zip(a, b).map { abs($0 - $1) }.max() ?? .infinity
}

/// Numbers that look random and are the same in each run.
func noise(_ count: Int, seed: UInt64) -> [Float] {
  var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
  return (0..<count).map { _ in
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Float(state >> 40) / Float(1 << 24) - 0.5
  }
}

func noisyWeights(
  rank: Int, inputs: Int, outputs: Int, scale: Float = 2, seed: UInt64
) throws -> LowRankWeights {
  try LowRankWeights(
    rank: rank, inputs: inputs, outputs: outputs, loraA: noise(rank * inputs, seed: seed),
    loraB: noise(outputs * rank, seed: seed + 1000), scale: scale)
}
