/// How the numbers of a stored tensor are kept: plain, or in ggml blocks of 32 that share a scale.
///
/// Source: safetensors format (`dtype`), ggml `ggml-common.h` (`block_q4_0` and others).
public enum ElementType: String, Sendable, CaseIterable, Codable {
  case f64, f32, f16, bf16, i64, i32, i16, i8, u8, bool
  // ggml's own names.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q4_0, q4_1, q5_0, q5_1, q8_0

  /// Elements in one block; 1 for plain types.
  public var blockElements: Int {
    switch self {
    case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0: 32
    default: 1
    }
  }

  /// Bytes of one block.
  public var blockBytes: Int {
    switch self {
    case .f64, .i64: 8
    case .f32, .i32: 4
    case .f16, .bf16, .i16: 2
    case .i8, .u8, .bool: 1
    case .q4_0: 18
    case .q4_1: 20
    case .q5_0: 22
    case .q5_1: 24
    case .q8_0: 34
    }
  }

  /// Whether elements are stored in blocks with a shared scale.
  public var isQuantized: Bool { blockElements > 1 }

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
    guard !isQuantized || (shape.last ?? 1) % blockElements == 0 else { return nil }
    let (bytes, overflow) = (elements / blockElements).multipliedReportingOverflow(by: blockBytes)
    return overflow ? nil : (elements, bytes)
  }
}

extension ElementType {
  /// The type's name in a safetensors header; nil for ggml blocks, which safetensors cannot hold.
  var safetensorsName: String? { isQuantized ? nil : rawValue.uppercased() }

  init?(safetensorsName: String) {
    let plain = ElementType.allCases.first { $0.safetensorsName == safetensorsName }
    guard let plain else { return nil }
    self = plain
  }

  /// The type with this number in a GGUF file (`enum ggml_type`).
  init?(ggmlType: UInt32) {
    switch ggmlType {
    case 0: self = .f32
    case 1: self = .f16
    case 2: self = .q4_0
    case 3: self = .q4_1
    case 6: self = .q5_0
    case 7: self = .q5_1
    case 8: self = .q8_0
    case 24: self = .i8
    case 25: self = .i16
    case 26: self = .i32
    case 27: self = .i64
    case 28: self = .f64
    case 30: self = .bf16
    default: return nil
    }
  }
}
