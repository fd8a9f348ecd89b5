// Blocks whose codes of 4 bits are places in a table of 16 values.
//
// | block | layout in bytes | number |
// |---|---|---|
// | IQ4_NL | f16 d, 16 × two codes | d·table(q) |
// | IQ4_XS | f16 d, u16 high scale bits, 4 × two scales, 128 × two codes | d·(scale(s) − 32)·table(q), sub-block s of 32 |
// | MXFP4 | power of two, 16 × two codes | 2^(e − 128)·table(q), with twice the values of e2m1 |
//
// The low half of byte j of 16 is number j, the high half number j + 16. Source: ggml `ggml-quants.c`,
// `dequantize_row_iq4_nl`, `dequantize_row_iq4_xs`, `dequantize_row_mxfp4`; OCP Microscaling Formats (MX) 1.0.

extension ElementType {
  // ggml's own names.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  public static let iq4_NL = ElementType(block: "IQ4_NL", number: 20, elements: 32, bytes: 18) {
    x, blocks, y in
    Block.each(x, blocks, size: 18, elements: 32, y) { block, y in
      lookUp(block, 2, nonlinear, scale: block.scale(0), y)
    }
  }

  // swift-format-ignore: AlwaysUseLowerCamelCase
  public static let iq4_XS = ElementType(block: "IQ4_XS", number: 23, elements: 256, bytes: 136) {
    x, blocks, y in
    Block.each(x, blocks, size: 136, elements: 256, y) { block, y in
      let (d, high) = (block.scale(0), block.half(2))
      for index in 0..<8 {
        let low = block[4 &+ index &>> 1] &>> UInt8(4 &* (index & 1)) & 15
        let scale = Int32(low) | Int32(high &>> UInt16(2 &* index) & 3) &<< 4
        lookUp(block, 8 &+ 16 &* index, nonlinear, scale: d * Float(scale &- 32), y + 32 &* index)
      }
    }
  }

  public static let mxfp4 = ElementType(block: "MXFP4", number: 39, elements: 32, bytes: 17) { x, blocks, y in
    Block.each(x, blocks, size: 17, elements: 32, y) { block, y in
      // Half of 2^(e - 127), of which the two smallest are subnormal.
      let exponent = UInt32(block[0])
      let bits: UInt32 = exponent < 2 ? 0x0020_0000 &<< exponent : (exponent &- 1) &<< 23
      lookUp(block, 1, fourBitFloats, scale: Float(bitPattern: bits), y)
    }
  }

  private static let nonlinear = SixteenValues(
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)
  /// Twice the values of e2m1; its negative zero counts as zero.
  private static let fourBitFloats = SixteenValues(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12)

  @inline(__always)
  private static func lookUp(
    _ block: Block, _ offset: Int, _ table: SixteenValues, scale: Float, _ y: UnsafeMutablePointer<Float>
  ) {
    for j in 0..<16 {
      let both = block[offset &+ j]
      y[j] = scale * table[both & 15]
      y[j &+ 16] = scale * table[both &>> 4]
    }
  }
}

/// Sixteen whole numbers within ±127, by place.
private struct SixteenValues {
  private let low: EightBytes
  private let high: EightBytes

  init(_ values: Int8...) {
    func eight(_ part: ArraySlice<Int8>) -> EightBytes {
      EightBytes(word: part.reversed().reduce(0) { $0 << 8 | UInt64(UInt8(bitPattern: $1)) })
    }
    low = eight(values.prefix(8))
    high = eight(values.dropFirst(8))
  }

  @inline(__always)
  subscript(place: UInt8) -> Float {
    Float(Int8(bitPattern: (place < 8 ? low : high)[Int(place & 7)]))
  }
}
