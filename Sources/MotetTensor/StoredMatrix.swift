import CKernels
import Crypto

/// Rows of a weight matrix in the blocks that a file keeps them in.
public struct StoredBlocks {
  /// The types of ggml's blocks of 32 values that are multiplied as they are.
  public enum Kind: Sendable, CaseIterable {
    // ggml's own names.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case q4_0, q4_1, q5_0, q5_1, q8_0
  }

  public let kind: Kind
  public let outputs: Int
  public let inputs: Int
  /// `[rows][inputs / 32]` blocks as the file has them.
  public let bytes: [UInt8]
  /// Which of the rows is output i; nil where that is row i.
  public let rows: [Int64]?

  /// - Precondition: the bytes are those of `outputs` rows of whole blocks
  public init(kind: Kind, outputs: Int, inputs: Int, bytes: [UInt8], rows: [Int64]? = nil) {
    precondition(inputs % 32 == 0 && bytes.count == outputs * inputs / 32 * kind.blockBytes)
    precondition(
      rows.map { $0.count == outputs && $0.allSatisfy { (0..<Int64(outputs)).contains($0) } } ?? true)
    self.kind = kind
    self.outputs = outputs
    self.inputs = inputs
    self.bytes = bytes
    self.rows = rows
  }
}

extension StoredBlocks.Kind {
  /// As the C face has it.
  fileprivate var number: Int32 {
    switch self {
    case .q4_0: Int32(MK_Q4_0)
    case .q4_1: Int32(MK_Q4_1)
    case .q5_0: Int32(MK_Q5_0)
    case .q5_1: Int32(MK_Q5_1)
    case .q8_0: Int32(MK_Q8_0)
    }
  }

  var blockBytes: Int {
    switch self {
    case .q4_0: 18
    case .q4_1: 20
    case .q5_0: 22
    case .q5_1: 24
    case .q8_0: 34
    }
  }
}

/// W in the blocks that a GGUF came with, laid out for products without another rounding: matrices of the same inputs
/// one below the other.
final class StoredMatrix {
  let handle: OpaquePointer
  let outputs: Int
  let inputs: Int
  /// Whether each part begins with a panel of the kernels', which are of 32 outputs.
  let hasWholePanels: Bool

  init(_ parts: [StoredBlocks]) throws {
    hasWholePanels = parts.dropLast().allSatisfy { $0.outputs % 32 == 0 }
    inputs = parts.first?.inputs ?? 0
    outputs = parts.reduce(0) { $0 + $1.outputs }
    precondition(parts.allSatisfy { $0.inputs == parts[0].inputs })
    guard let made = Self.make(parts[...], described: [], inputs: inputs) else {
      throw TensorError.allocation(rows: outputs, columns: inputs, reason: String(cString: mk_last_error()))
    }
    handle = made
  }

  /// Takes the address of one part after the other.
  private static func make(
    _ parts: ArraySlice<StoredBlocks>, described: [mk_stored_part], inputs: Int
  ) -> OpaquePointer? {
    guard let part = parts.first else {
      return mk_stored_create(described, Int64(described.count), Int64(inputs))
    }
    return part.bytes.withUnsafeBytes { bytes in
      func next(_ rows: UnsafePointer<Int64>?) -> OpaquePointer? {
        let own = mk_stored_part(
          type: part.kind.number, outputs: Int64(part.outputs), blocks: bytes.baseAddress, rows: rows)
        return make(parts.dropFirst(), described: described + [own], inputs: inputs)
      }
      return part.rows.map { $0.withUnsafeBufferPointer { next($0.baseAddress) } } ?? next(nil)
    }
  }

  deinit { mk_stored_destroy(handle) }

  /// y = x·Wᵀ with what adapters add.
  @Compute
  func multiply(_ x: Tensor, into y: Tensor, accumulate: Bool, adding terms: [mk_factors]) {
    mk_stored_multiply(
      handle, x.address(ofRow: 0), Int32(x.storage == .bf16 ? MK_BF16 : MK_F32), Int64(x.rows), terms,
      Int64(terms.count), y.data, accumulate)
  }

  /// Row `index` of W, widened to f32.
  func copyRow(_ index: Int, to target: UnsafeMutablePointer<Float>) {
    mk_stored_row(handle, Int64(index), target)
  }

  /// W row-major, widened to f32.
  func floats() -> [Float] {
    [Float](unsafeUninitializedCapacity: outputs * inputs) { values, count in
      if let base = values.baseAddress { for row in 0..<outputs { copyRow(row, to: base + row * inputs) } }
      count = outputs * inputs
    }
  }

  var bytes: UnsafeRawBufferPointer {
    var count: Int64 = 0
    let pointer = mk_stored_bytes(handle, &count)
    return UnsafeRawBufferPointer(start: pointer, count: Int(count))
  }
}
