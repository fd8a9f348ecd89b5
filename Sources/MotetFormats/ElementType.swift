/// How the numbers of a stored tensor are kept: each by itself, or in ggml's blocks that share scales.
///
///     ElementType(ggmlNumber: 12)?.name   // "Q4_K"
///     ElementType.q4_K.blockBytes         // 144, for 256 numbers
///
/// A type is one constant in a file of `Elements/` and one line of ``all``; readers, writers and errors ask the constant.
/// Sources: the safetensors format (`dtype`); ggml `ggml-common.h` (`block_q4_0` and others); `gguf/quants.py`, whose
/// values those of ``expand`` equal to the bit.
public struct ElementType: Sendable {
  /// The name that ggml and safetensors give it: `F32`, `Q4_K`.
  public let name: String
  /// The number in a GGUF file (`enum ggml_type`); nil for a type that GGUF does not have.
  public let ggmlNumber: UInt32?
  /// Elements in one block; 1 for plain types.
  public let blockElements: Int
  /// Bytes of one block, little-endian.
  public let blockBytes: Int
  /// Writes `blockElements · blocks` floats to `output` from the blocks at `input`, which may begin at any byte. A scale
  /// that is infinite or not a number gives values that are not finite; whoever loads weights refuses those.
  let expand: Expansion
  typealias Expansion =
    @Sendable (_ input: UnsafeRawPointer, _ blocks: Int, _ output: UnsafeMutablePointer<Float>) -> Void

  /// A type whose elements stand by themselves, as safetensors and mostly GGUF hold them.
  init(plain name: String, number: UInt32?, bytes: Int, expand: @escaping Expansion) {
    self.init(block: name, number: number, elements: 1, bytes: bytes, expand: expand)
  }

  /// A type of ggml's blocks.
  init(block name: String, number: UInt32?, elements: Int, bytes: Int, expand: @escaping Expansion) {
    self.name = name
    ggmlNumber = number
    blockElements = elements
    blockBytes = bytes
    self.expand = expand
  }
}

extension ElementType {
  /// Every type that can be read.
  public static let all: [ElementType] = [
    .f64, .f32, .f16, .bf16, .i64, .i32, .i16, .i8, .u8, .bool,
    .q4_0, .q4_1, .q5_0, .q5_1, .q8_0,
    .q2_K, .q3_K, .q4_K, .q5_K, .q6_K, .q8_K,
    .iq4_NL, .iq4_XS, .mxfp4,
    .tq1_0, .tq2_0,
  ]

  /// The type with this number in a GGUF file.
  init?(ggmlNumber: UInt32) {
    guard let type = Self.all.first(where: { $0.ggmlNumber == ggmlNumber }) else { return nil }
    self = type
  }

  init?(safetensorsName: String) {
    guard let type = Self.all.first(where: { $0.safetensorsName == safetensorsName }) else { return nil }
    self = type
  }

  /// The type's name in a safetensors header; nil for ggml's blocks, which safetensors cannot hold.
  var safetensorsName: String? { isQuantized ? nil : name }

  /// Whether elements are stored in blocks that share scales.
  public var isQuantized: Bool { blockElements > 1 }

  /// What ggml calls the types that cannot be read, by number, for errors.
  static let unreadableNames: [UInt32: String] = [
    9: "Q8_1", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 21: "IQ3_S", 22: "IQ2_S", 29: "IQ1_M",
    40: "NVFP4", 41: "Q1_0",
  ]

  /// The elements and bytes of a tensor of `shape` (row-major), or nil where a size overflows, a dimension is
  /// negative, or a row does not consist of whole blocks.
  func size(of shape: [Int]) -> (elements: Int, bytes: Int)? {
    var elements = 1
    for dimension in shape {
      guard dimension >= 0 else { return nil }
      let (product, overflow) = elements.multipliedReportingOverflow(by: dimension)
      guard !overflow else { return nil }
      elements = product
    }
    guard hasWholeBlocks(shape) else { return nil }
    let (bytes, overflow) = (elements / blockElements).multipliedReportingOverflow(by: blockBytes)
    return overflow ? nil : (elements, bytes)
  }

  /// Whether the rows of a tensor of `shape` consist of whole blocks.
  func hasWholeBlocks(_ shape: [Int]) -> Bool { (shape.last ?? 1) % blockElements == 0 }
}

extension ElementType: Hashable {
  public static func == (left: ElementType, right: ElementType) -> Bool { left.name == right.name }
  public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}
