// Numbers that stand by themselves, little-endian.

extension ElementType {
  public static let f64 = ElementType(plain: "F64", number: 28, bytes: 8) { x, count, y in
    each(UInt64.self, x, count, y) { Float(Double(bitPattern: UInt64(littleEndian: $0))) }
  }
  public static let f32 = ElementType(plain: "F32", number: 0, bytes: 4) { x, count, y in
    each(UInt32.self, x, count, y) { Float(bitPattern: UInt32(littleEndian: $0)) }
  }
  public static let f16 = ElementType(plain: "F16", number: 1, bytes: 2) { x, count, y in
    each(UInt16.self, x, count, y) { float(fromHalf: UInt16(littleEndian: $0)) }
  }
  public static let bf16 = ElementType(plain: "BF16", number: 30, bytes: 2) { x, count, y in
    each(UInt16.self, x, count, y) { float(fromBFloat: UInt16(littleEndian: $0)) }
  }
  public static let i64 = ElementType(plain: "I64", number: 27, bytes: 8) { x, count, y in
    each(Int64.self, x, count, y) { Float(Int64(littleEndian: $0)) }
  }
  public static let i32 = ElementType(plain: "I32", number: 26, bytes: 4) { x, count, y in
    each(Int32.self, x, count, y) { Float(Int32(littleEndian: $0)) }
  }
  public static let i16 = ElementType(plain: "I16", number: 25, bytes: 2) { x, count, y in
    each(Int16.self, x, count, y) { Float(Int16(littleEndian: $0)) }
  }
  public static let i8 = ElementType(plain: "I8", number: 24, bytes: 1) { x, count, y in
    each(Int8.self, x, count, y) { Float($0) }
  }
  public static let u8 = ElementType(plain: "U8", number: nil, bytes: 1) { x, count, y in
    each(UInt8.self, x, count, y) { Float($0) }
  }
  public static let bool = ElementType(plain: "BOOL", number: nil, bytes: 1) { x, count, y in
    each(UInt8.self, x, count, y) { $0 == 0 ? 0 : 1 }
  }

  /// Tensors may start at any byte, so every load is an unaligned one.
  @inline(__always)
  private static func each<T: BitwiseCopyable>(
    _: T.Type, _ x: UnsafeRawPointer, _ count: Int, _ y: UnsafeMutablePointer<Float>,
    _ convert: (T) -> Float
  ) {
    for i in 0..<count {
      y[i] = convert(x.loadUnaligned(fromByteOffset: i &* MemoryLayout<T>.size, as: T.self))
    }
  }
}
