// Superblocks of 256 numbers with codes of 4 to 6 bits.
//
// | block | layout in bytes | number |
// |---|---|---|
// | Q4_K | f16 d, f16 dmin, 12 × scales and mins, 128 × two codes | d·scale(s)·q − dmin·min(s), sub-block s of 32 |
// | Q5_K | the same with 32 × fifth bits before the codes | the same |
// | Q6_K | 128 × low codes, 64 × high codes, 16 × i8 scales, f16 d | d·scale(s)·(q − 32), run s of 16 |
//
// Byte j of each 32 of Q4_K's and Q5_K's codes holds number j of two sub-blocks; byte j of the fifth bits holds those of
// number j of all eight. Q6_K holds 128 numbers in 64 low and 32 high bytes: low byte j numbers j and j + 64, high byte j
// numbers j, j + 32, j + 64 and j + 96. Source: ggml `ggml-quants.c`, `dequantize_row_q4_K` and others.

extension ElementType {
  // ggml's own names.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  public static let q4_K = ElementType(block: "Q4_K", number: 12, elements: 256, bytes: 144) { x, blocks, y in
    Block.each(x, blocks, size: 144, elements: 256, y) { block, y in
      eachSubBlock(block) { index, scale, min in
        let (first, shift, values) = (16 &+ 32 &* (index &>> 1), UInt8(4 &* (index & 1)), y + 32 &* index)
        for j in 0..<32 { values[j] = scale * block.code(first &+ j, shift: shift, mask: 15) - min }
      }
    }
  }

  // swift-format-ignore: AlwaysUseLowerCamelCase
  public static let q5_K = ElementType(block: "Q5_K", number: 13, elements: 256, bytes: 176) { x, blocks, y in
    Block.each(x, blocks, size: 176, elements: 256, y) { block, y in
      eachSubBlock(block) { index, scale, min in
        let (first, shift, values) = (48 &+ 32 &* (index &>> 1), UInt8(4 &* (index & 1)), y + 32 &* index)
        let place = UInt8(truncatingIfNeeded: index)
        for j in 0..<32 {
          let fifth = (block[16 &+ j] &>> place & 1) &<< 4
          values[j] = scale * Float((block[first &+ j] &>> shift & 15) | fifth) - min
        }
      }
    }
  }

  // swift-format-ignore: AlwaysUseLowerCamelCase
  public static let q6_K = ElementType(block: "Q6_K", number: 14, elements: 256, bytes: 210) { x, blocks, y in
    Block.each(x, blocks, size: 210, elements: 256, y) { block, y in
      let d = block.scale(208)
      for run in 0..<16 {
        // Of each 128 numbers: sub-block `part` of 32, half of it.
        let (part, half) = (run &>> 1 & 3, run & 1)
        let low = 64 &* (run &>> 3) &+ 32 &* (part & 1) &+ 16 &* half
        let high = 128 &+ 32 &* (run &>> 3) &+ 16 &* half
        let (lowShift, highShift) = (UInt8(4 &* (part &>> 1)), UInt8(2 &* part))
        let scale = d * Float(block.signed(192 &+ run))
        let values = y + 16 &* run
        for j in 0..<16 {
          let code = (block[low &+ j] &>> lowShift & 15) | (block[high &+ j] &>> highShift & 3) &<< 4
          values[j] = scale * Float(Int32(code) &- 32)
        }
      }
    }
  }

  /// Calls `body` for the eight sub-blocks of a Q4_K or Q5_K with d·scale and dmin·min.
  ///
  /// The twelve bytes hold the first four scales' and mins' six bits in their low ends; the low four of the last four in the
  /// halves of the last bytes, their high two above the first ones.
  @inline(__always)
  private static func eachSubBlock(
    _ block: Block, _ body: (_ index: Int, _ scale: Float, _ min: Float) -> Void
  ) {
    let (d, dmin) = (block.scale(0), block.scale(2))
    let (first, second, third) = (block.word(4), block.word(8), block.word(12))
    @inline(__always) func eight(_ own: UInt32, _ low: UInt32) -> EightBytes {
      let high = low & 0x0F0F_0F0F | (own &>> 6 & 0x0303_0303) &<< 4
      return EightBytes(word: UInt64(own & 0x3F3F_3F3F) | UInt64(high) &<< 32)
    }
    let (scales, mins) = (eight(first, third), eight(second, third &>> 4))
    for index in 0..<8 { body(index, d * Float(scales[index]), dmin * Float(mins[index])) }
  }
}
