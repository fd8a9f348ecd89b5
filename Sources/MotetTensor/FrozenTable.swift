import CKernels
import Crypto

/// The token embeddings `[vocabulary, hidden]`, held in the base's precision; looked up, never trained.
@Compute
public final class FrozenTable {
  public nonisolated let rows: Int
  public nonisolated let columns: Int
  private let values: Storage

  private enum Storage {
    case f32([Float])
    case bf16([UInt16])
    case nf4(NF4Form)
    /// The head's own matrix, where the model ties them.
    case shared(FrozenMatrix)
  }

  /// Rows of a head `[vocabulary, hidden]` that also embeds.
  public init(sharing head: FrozenMatrix) {
    rows = head.outputs
    columns = head.inputs
    values = .shared(head)
  }

  public init(_ weights: [Float], rows: Int, columns: Int, precision: Precision) {
    precondition(weights.count == rows * columns)
    self.rows = rows
    self.columns = columns
    switch precision == .stored ? .automatic : precision {
    case .f32: values = .f32(weights)
    case .nf4: values = .nf4(NF4Form([NF4Matrix(quantizing: weights, outputs: rows, inputs: columns)]))
    // 8 bits are for products.
    case .bf16, .int8, .stored:
      values = .bf16(
        [UInt16](unsafeUninitializedCapacity: weights.count) { narrow, count in
          if let target = narrow.baseAddress { mk_to_bf16(weights, target, Int64(weights.count)) }
          count = weights.count
        })
    }
  }

  /// `[tokens.count, columns]`
  public func lookUp(_ tokens: [Int32]) -> Tensor {
    let y = Tensor(rows: tokens.count, columns: columns)
    for (i, token) in tokens.enumerated() {
      let target = y.row(i)
      let start = Int(token) * columns
      switch values {
      case .f32(let table): for j in 0..<columns { target[j] = table[start + j] }
      case .bf16(let table):
        for j in 0..<columns { target[j] = Float(bitPattern: UInt32(table[start + j]) << 16) }
      case .nf4(let form): form.copyRow(Int(token), to: target)
      case .shared(let head): head.copyRow(Int(token), to: target)
      }
    }
    return y
  }

  /// Feeds the frozen bytes, as they lie in memory, into a hash.
  public func hash(into sha: inout SHA256) {
    switch values {
    case .f32(let table): table.withUnsafeBytes { sha.update(bufferPointer: $0) }
    case .bf16(let table): table.withUnsafeBytes { sha.update(bufferPointer: $0) }
    case .nf4(let form): form.hash(into: &sha)
    // The head is hashed by itself.
    case .shared: break
    }
  }

  public var byteCount: Int {
    switch values {
    case .f32(let table): table.count * 4
    case .bf16(let table): table.count * 2
    case .nf4(let form): form.byteCount
    case .shared: 0
    }
  }

  public func floats() -> [Float] {
    switch values {
    case .f32(let table): table
    case .bf16(let table): table.map { Float(bitPattern: UInt32($0) << 16) }
    case .nf4(let form): form.floats()
    case .shared(let head): head.floats()
    }
  }
}
