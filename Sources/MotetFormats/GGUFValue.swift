/// A metadata value of a GGUF file: one of the 13 types of the format.
/// Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (`gguf_metadata_value_type`).
public enum GGUFValue: Sendable, Equatable {
  case uint8(UInt8)
  case int8(Int8)
  case uint16(UInt16)
  case int16(Int16)
  case uint32(UInt32)
  case int32(Int32)
  case float32(Float)
  case bool(Bool)
  case string(String)
  case array(GGUFArray)
  case uint64(UInt64)
  case int64(Int64)
  case float64(Double)
}

/// An array of a GGUF file: all elements have one type, and are kept no wider than in the file.
public enum GGUFArray: Sendable, Equatable {
  case uint8([UInt8])
  case int8([Int8])
  case uint16([UInt16])
  case int16([Int16])
  case uint32([UInt32])
  case int32([Int32])
  case float32([Float])
  case bool([Bool])
  case string([String])
  case array([GGUFArray])
  case uint64([UInt64])
  case int64([Int64])
  case float64([Double])

  /// The number of elements.
  public var count: Int {
    switch self {
    case .uint8(let values): values.count
    case .int8(let values): values.count
    case .uint16(let values): values.count
    case .int16(let values): values.count
    case .uint32(let values): values.count
    case .int32(let values): values.count
    case .float32(let values): values.count
    case .bool(let values): values.count
    case .string(let values): values.count
    case .array(let values): values.count
    case .uint64(let values): values.count
    case .int64(let values): values.count
    case .float64(let values): values.count
    }
  }
}

extension GGUFValue {
  public var string: String? { if case .string(let value) = self { value } else { nil } }
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

  /// Any integer that fits `Int`.
  public var int: Int? {
    switch self {
    case .uint8(let value): Int(value)
    case .int8(let value): Int(value)
    case .uint16(let value): Int(value)
    case .int16(let value): Int(value)
    case .uint32(let value): Int(value)
    case .int32(let value): Int(value)
    case .uint64(let value): Int(exactly: value)
    case .int64(let value): Int(value)
    default: nil
    }
  }

  /// Any number. A float32 gives the shortest decimal it stands for: 1e-5, not 9.999999747378752e-06.
  public var double: Double? {
    switch self {
    case .float32(let value): Self.shortest(value)
    case .float64(let value): value
    default: int.map(Double.init)
    }
  }

  /// The elements of an array of strings.
  public var strings: [String]? {
    if case .array(.string(let values)) = self { values } else { nil }
  }

  /// The elements of an array of integers, if all fit `Int`.
  public var ints: [Int]? {
    guard case .array(let array) = self else { return nil }
    return switch array {
    case .uint8(let values): values.map(Int.init)
    case .int8(let values): values.map(Int.init)
    case .uint16(let values): values.map(Int.init)
    case .int16(let values): values.map(Int.init)
    case .uint32(let values): values.map(Int.init)
    case .int32(let values): values.map(Int.init)
    case .int64(let values): values.map(Int.init)
    case .uint64(let values): values.contains { $0 > Int.max } ? nil : values.map(Int.init)
    default: nil
    }
  }

  /// The elements of an array of numbers.
  public var doubles: [Double]? {
    guard case .array(let array) = self else { return nil }
    return switch array {
    case .float32(let values): values.map(Self.shortest)
    case .float64(let values): values
    default: ints?.map(Double.init)
    }
  }

  /// A number or a truth value as text, or what else it is.
  package var brief: String {
    if let bool { return "\(bool)" }
    if let double { return "\(double)" }
    return string.map(quoted) ?? "a list"
  }

  private static func shortest(_ value: Float) -> Double {
    value.isFinite ? Double(value.description) ?? Double(value) : Double(value)
  }
}
