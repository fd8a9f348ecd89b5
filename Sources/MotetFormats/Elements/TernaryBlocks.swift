// Superblocks of 256 numbers that are -d, 0 or d.
//
// | block | layout in bytes |
// |---|---|
// | TQ1_0 | 32 and 16 bytes of five digits each, 4 of four, f16 d |
// | TQ2_0 | 64 × four codes of 2 bits, f16 d |
//
// A byte of TQ1_0 is a fraction of 256 in base 3, its first digit that of the first number: byte j of a run of n holds
// numbers j, j + n, j + 2n and so on. Byte j of each 32 of TQ2_0 holds numbers j, j + 32, j + 64 and j + 96.
// Source: ggml `ggml-quants.c`, `dequantize_row_tq1_0`, `dequantize_row_tq2_0`.

extension ElementType {
  // ggml's own names.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  public static let tq1_0 = ElementType(block: "TQ1_0", number: 34, elements: 256, bytes: 54) {
    x, blocks, y in
    Block.each(x, blocks, size: 54, elements: 256, y) { block, y in
      let d = block.scale(52)
      digits(block, 0, bytes: 32, digits: 5, d, y)
      digits(block, 32, bytes: 16, digits: 5, d, y + 160)
      digits(block, 48, bytes: 4, digits: 4, d, y + 240)
    }
  }

  // swift-format-ignore: AlwaysUseLowerCamelCase
  public static let tq2_0 = ElementType(block: "TQ2_0", number: 35, elements: 256, bytes: 66) {
    x, blocks, y in
    Block.each(x, blocks, size: 66, elements: 256, y) { block, y in
      let d = block.scale(64)
      for index in 0..<8 {
        let (first, shift, values) = (32 &* (index &>> 2), UInt8(2 &* (index & 3)), y + 32 &* index)
        for j in 0..<32 { values[j] = d * Float(Int32(block[first &+ j] &>> shift & 3) &- 1) }
      }
    }
  }

  @inline(__always)
  private static func digits(
    _ block: Block, _ offset: Int, bytes: Int, digits: Int, _ d: Float, _ y: UnsafeMutablePointer<Float>
  ) {
    var power: UInt8 = 1
    for digit in 0..<digits {
      let values = y + digit &* bytes
      for j in 0..<bytes {
        let rest = UInt16(block[offset &+ j] &* power)
        values[j] = d * Float(Int32((rest &* 3) &>> 8) &- 1)
      }
      power = power &* 3
    }
  }
}
