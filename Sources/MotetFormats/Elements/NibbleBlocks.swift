// Blocks of 32 numbers with codes of 4 or 5 bits: the low half of byte j of the codes is number j, the high half number
// j + 16, and bit i of the fifth bits belongs to number i.
//
// | block | layout in bytes | number |
// |---|---|---|
// | Q4_0 | f16 d, 16 × two codes | d·(q − 8) |
// | Q4_1 | f16 d, f16 m, 16 × two codes | d·q + m |
// | Q5_0 | f16 d, u32 fifth bits, 16 × two codes | d·(q − 16) |
// | Q5_1 | f16 d, f16 m, u32 fifth bits, 16 × two codes | d·q + m |
//
// Source: ggml `ggml-quants.c`, `dequantize_row_q4_0` and others.

extension ElementType {
  // ggml's own names.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  public static let q4_0 = ElementType(block: "Q4_0", number: 2, elements: 32, bytes: 18) { x, blocks, y in
    Block.each(x, blocks, size: 18, elements: 32, y) { block, y in
      let d = block.scale(0)
      nibbles(block, 2, y) { d * Float(Int32($0) &- 8) }
    }
  }

  // swift-format-ignore: AlwaysUseLowerCamelCase
  public static let q4_1 = ElementType(block: "Q4_1", number: 3, elements: 32, bytes: 20) { x, blocks, y in
    Block.each(x, blocks, size: 20, elements: 32, y) { block, y in
      let (d, m) = (block.scale(0), block.scale(2))
      nibbles(block, 4, y) { d * Float($0) + m }
    }
  }

  // swift-format-ignore: AlwaysUseLowerCamelCase
  public static let q5_0 = ElementType(block: "Q5_0", number: 6, elements: 32, bytes: 22) { x, blocks, y in
    Block.each(x, blocks, size: 22, elements: 32, y) { block, y in
      let d = block.scale(0)
      nibbles(block, 6, fifth: block.word(2), y) { d * Float(Int32($0) &- 16) }
    }
  }

  // swift-format-ignore: AlwaysUseLowerCamelCase
  public static let q5_1 = ElementType(block: "Q5_1", number: 7, elements: 32, bytes: 24) { x, blocks, y in
    Block.each(x, blocks, size: 24, elements: 32, y) { block, y in
      let (d, m) = (block.scale(0), block.scale(2))
      nibbles(block, 8, fifth: block.word(4), y) { d * Float($0) + m }
    }
  }

  /// The numbers of 16 bytes of codes at `offset`, each with its bit of `fifth` above.
  @inline(__always)
  private static func nibbles(
    _ block: Block, _ offset: Int, fifth: UInt32 = 0, _ y: UnsafeMutablePointer<Float>,
    _ value: (_ code: UInt32) -> Float
  ) {
    for j in 0..<16 {
      let both = UInt32(block[offset &+ j])
      let bits = fifth &>> UInt32(truncatingIfNeeded: j)
      y[j] = value((both & 15) | (bits & 1) &<< 4)
      y[j &+ 16] = value((both &>> 4) | (bits &>> 16 & 1) &<< 4)
    }
  }
}
