import Foundation

/// Tests/Fixtures/operators/operators.json, made by PyTorch through Tests/Fixtures/operators.py.
struct OperatorFixture: Decodable {
  struct RMSNorm: Decodable {
    let rows, columns: Int
    let epsilon: Float
    let x, weight, y, dy, dx: [Float]
  }
  struct SwiGLU: Decodable {
    let rows, width: Int
    let x, y, dy, dx: [Float]
  }
  struct Attention: Decodable {
    let heads, kvHeads, dimension: Int
    let lengths: [Int]
    let theta: Double
    let x, y, dy, dx: [Float]
  }
  struct Term: Decodable {
    let rows, columns: [Int]
    let rank: Int
    let scale: Float
    let a, b, da, db: [Float]
  }
  struct AdaptedLinear: Decodable {
    let rows, inputs, outputs: Int
    let x, weight, residual, y, dy, dx, dresidual: [Float]
    let terms: [Term]
  }
  struct HeadLoss: Decodable {
    let rows, hidden, vocabulary: Int
    let h, head, scales, losses, dh: [Float]
    let targets: [Int32]
  }
  struct Gather: Decodable {
    let height, columns: Int
    let chosen: [Int]
    let x, y, dy, dx: [Float]
  }
  struct AdamW: Decodable {
    let learningRate, beta1, beta2, epsilon, weightDecay: Float
    let start: [Float]
    let gradients, after: [[Float]]
  }
  struct BF16: Decodable {
    let bits: [UInt32]
    let rounded: [UInt16]
  }
  struct Scaling: Decodable {
    let rows, columns: [Int]
    let c, dc: [Float]
  }
  struct ScaledColumns: Decodable {
    let rows, columns: Int
    let x, residual, y, dy, dx, dresidual: [Float]
    let scalings: [Scaling]
  }
  struct Experts: Decodable {
    let rows, inputs, outputs, experts, rank, top: Int
    let scale, balance: Float
    let run, columns: [Int]
    let x, base, router, a, b, y, dy, dx, drouter, da, db, load, dbalance: [Float]
  }
  let rmsNorm: RMSNorm
  let swiglu: SwiGLU
  let attention: [Attention]
  let adaptedLinear: AdaptedLinear
  let headLoss: HeadLoss
  let gather: Gather
  let adamW: AdamW
  let bf16: BF16
  let scaledColumns: ScaledColumns
  let experts: Experts

  static func load() throws -> OperatorFixture {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    let file = folder.appendingPathComponent("../Fixtures/operators/operators.json")
    return try JSONDecoder().decode(OperatorFixture.self, from: Data(contentsOf: file))
  }
}
