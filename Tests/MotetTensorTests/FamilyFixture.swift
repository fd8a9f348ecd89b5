import Foundation

@testable import MotetTensor

/// Tests/Fixtures/operators/families.json, made by PyTorch through Tests/Fixtures/family_operators.py.
struct FamilyFixture: Decodable {
  struct Attention: Decodable {
    let name: String
    let heads, kvHeads, dimension, rotated: Int
    let lengths: [Int]
    let isCausal: Bool
    let window: Int?
    let scale, softcap: Float?
    let factor: Float
    let frequencies, x, y, dy, dx: [Float]

    var rule: AttentionRule {
      AttentionRule(
        AttentionShape(heads: heads, kvHeads: kvHeads, headDimension: dimension), isCausal: isCausal,
        window: window, scale: scale, softcap: softcap, rotated: rotated)
    }
  }
  struct LayerNorm: Decodable {
    let rows, columns: Int
    let epsilon: Float
    let x, weight, y, dy, dx, dweight: [Float]
    let bias, dbias: [Float]?
  }
  struct Norm: Decodable {
    let columns: [Int]
    let weight, dweight: [Float]
  }
  struct NormGroups: Decodable {
    let rows, columns: Int
    let epsilon: Float
    let x, y, dy, dx: [Float]
    let norms: [Norm]
  }
  struct Activation: Decodable {
    let name: String
    let rows, width: Int
    let x, y, dy, dx, gated, dgated, dgateUp: [Float]
  }
  struct Tails: Decodable {
    let x, gelu, geluTanh: [Float]
  }
  struct Bias: Decodable {
    let rows, columns: Int
    let product, bias, y, dy, db: [Float]
  }
  struct Embedding: Decodable {
    let hidden: Int
    let tokens, types: [Int32]
    let scale: Float
    let table, positions, kinds, y, dy, dtable, dpositions, dkinds: [Float]
  }
  struct HeadLoss: Decodable {
    let rows, hidden, vocabulary, taught: Int
    let softcap: Float?
    let temperature, weight, teacherSoftcap: Float
    let h, head, scales, logits, losses, dh, dhead, states, teacher, taughtLosses, dtaught: [Float]
    let bias, dbias: [Float]?
    let targets: [Int32]
  }
  let attention: [Attention]
  let layerNorm: [LayerNorm]
  let normGroups: [NormGroups]
  let activations: [Activation]
  let tails: Tails
  let bias: Bias
  let embedding: Embedding
  let headLoss: [HeadLoss]

  static func load() throws -> FamilyFixture {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    let file = folder.appendingPathComponent("../Fixtures/operators/families.json")
    return try JSONDecoder().decode(FamilyFixture.self, from: Data(contentsOf: file))
  }
}
