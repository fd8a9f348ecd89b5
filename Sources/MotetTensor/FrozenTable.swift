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
    /// The same, and what rounding took from the values of the first rows.
    case mended(FrozenMatrix, NF4Form)
  }

  /// Rows of a head `[vocabulary, hidden]` that also embeds.
  public init(sharing head: FrozenMatrix) {
    rows = head.outputs
    columns = head.inputs
    values = .shared(head)
  }

  /// The same, with what is missing of the values of the first rows: a head rounded by what it takes embeds worse, and
  /// only the rows of a text's tokens are ever added to.
  public init(sharing head: FrozenMatrix, rest: NF4Matrix) {
    precondition(rest.inputs == head.inputs && rest.outputs <= head.outputs)
    rows = head.outputs
    columns = head.inputs
    values = .mended(head, NF4Form([rest]))
  }

  /// What is added to the first rows; nil for nothing.
  public var rest: NF4Matrix? {
    if case .mended(_, let form) = values { form.parts.first } else { nil }
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
      case .mended(let head, let rest): copyRow(Int(token), of: head, adding: rest, to: target)
      }
    }
    return y
  }

  private func copyRow(
    _ index: Int, of head: FrozenMatrix, adding rest: NF4Form, to target: UnsafeMutablePointer<Float>
  ) {
    head.copyRow(index, to: target)
    guard index < rest.outputs else { return }
    var missing = [Float](repeating: 0, count: columns)
    rest.copyRow(index, to: &missing)
    for column in 0..<columns { target[column] += missing[column] }
  }

  /// Feeds the frozen bytes, as they lie in memory, into a hash.
  public func hash(into sha: inout SHA256) {
    switch values {
    case .f32(let table): table.withUnsafeBytes { sha.update(bufferPointer: $0) }
    case .bf16(let table): table.withUnsafeBytes { sha.update(bufferPointer: $0) }
    case .nf4(let form): form.hash(into: &sha)
    // The head is hashed by itself.
    case .shared: break
    case .mended(_, let rest): rest.hash(into: &sha)
    }
  }

  public var byteCount: Int {
    switch values {
    case .f32(let table): table.count * 4
    case .bf16(let table): table.count * 2
    case .nf4(let form): form.byteCount
    case .shared: 0
    case .mended(_, let rest): rest.byteCount
    }
  }

  public func floats() -> [Float] {
    switch values {
    case .f32(let table): table
    case .bf16(let table): table.map { Float(bitPattern: UInt32($0) << 16) }
    case .nf4(let form): form.floats()
    case .shared(let head): head.floats()
    case .mended(let head, let rest):
      zip(head.floats(), rest.floats() + [Float](repeating: 0, count: (rows - rest.outputs) * columns)).map(+)
    }
  }
}
