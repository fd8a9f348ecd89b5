import CKernels
import Crypto

/// Rows of a weight matrix in the blocks that a file keeps them in.
public struct StoredBlocks {
  /// The types of ggml's blocks that are multiplied as they are.
  public enum Kind: Sendable, CaseIterable {
    // ggml's own names.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case q4_0, q4_1, q5_0, q5_1, q8_0
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case q2_K, q3_K, q4_K, q5_K, q6_K
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case iq4_NL, iq4_XS
  }

  /// Whether products with blocks are faster here than products in f32: the processor has AVX2 or the 8-bit dot unit of
  /// AVX-512.
  public static var areFast: Bool { mk_stored_is_fast() }

  public let kind: Kind
  public let outputs: Int
  public let inputs: Int
  /// `[rows][inputs / kind.blockValues]` blocks as the file has them.
  public let bytes: [UInt8]
  /// Which of the rows is output i; nil where that is row i.
  public let rows: [Int64]?

  /// - Precondition: the bytes are those of `outputs` rows of whole blocks
  public init(kind: Kind, outputs: Int, inputs: Int, bytes: [UInt8], rows: [Int64]? = nil) {
    precondition(inputs % kind.blockValues == 0)
    precondition(bytes.count == outputs * inputs / kind.blockValues * kind.blockBytes)
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
  /// ggml's number, as GGUF files and the C face have it.
  public var number: UInt32 {
    let number =
      switch self {
      case .q4_0: MK_Q4_0
      case .q4_1: MK_Q4_1
      case .q5_0: MK_Q5_0
      case .q5_1: MK_Q5_1
      case .q8_0: MK_Q8_0
      case .q2_K: MK_Q2_K
      case .q3_K: MK_Q3_K
      case .q4_K: MK_Q4_K
      case .q5_K: MK_Q5_K
      case .q6_K: MK_Q6_K
      case .iq4_NL: MK_IQ4_NL
      case .iq4_XS: MK_IQ4_XS
      }
    return UInt32(number)
  }

  /// The type with this number in a GGUF file; nil for a type that is not multiplied as it is.
  public init?(number: UInt32) {
    guard let kind = Self.allCases.first(where: { $0.number == number }) else { return nil }
    self = kind
  }

  /// Values of a block.
  public var blockValues: Int { Int(mk_stored_block_values(Int32(number))) }

  /// Bytes of a block.
  public var blockBytes: Int { Int(mk_stored_block_bytes(Int32(number))) }
}

/// W in the blocks that a GGUF came with, laid out for products without another rounding: matrices of the same inputs
/// one below the other.
final class StoredMatrix {
  let handle: OpaquePointer
  let outputs: Int
  let inputs: Int
  /// Whether each part begins with a panel of the kernels', which are of 32 outputs.
  let hasWholePanels: Bool

  /// - Parameter isPlain: whether products go by the portable loops, to compare others with
  /// - Throws: ``TensorError/allocation(rows:columns:reason:)``
  init(_ parts: [StoredBlocks], isPlain: Bool = false) throws {
    hasWholePanels = parts.dropLast().allSatisfy { $0.outputs % 32 == 0 }
    inputs = parts.first?.inputs ?? 0
    outputs = parts.reduce(0) { $0 + $1.outputs }
    precondition(parts.allSatisfy { $0.inputs == parts[0].inputs })
    guard let made = Self.make(parts[...], described: [], inputs: inputs, isPlain: isPlain) else {
      throw TensorError.allocation(rows: outputs, columns: inputs, reason: String(cString: mk_last_error()))
    }
    handle = made
  }

  /// Takes the address of one part after the other.
  private static func make(
    _ parts: ArraySlice<StoredBlocks>, described: [mk_stored_part], inputs: Int, isPlain: Bool
  ) -> OpaquePointer? {
    guard let part = parts.first else {
      return mk_stored_create(described, Int64(described.count), Int64(inputs), isPlain)
    }
    return part.bytes.withUnsafeBytes { bytes in
      func next(_ rows: UnsafePointer<Int64>?) -> OpaquePointer? {
        let own = mk_stored_part(
          type: Int32(part.kind.number), outputs: Int64(part.outputs), blocks: bytes.baseAddress, rows: rows)
        return make(parts.dropFirst(), described: described + [own], inputs: inputs, isPlain: isPlain)
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
