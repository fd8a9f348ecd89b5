// Superblocks of 256 numbers with codes of 2 or 3 bits, in 16 runs of 16 that have a scale each.
//
// | block | layout in bytes | number of run s |
// |---|---|---|
// | Q2_K | 16 × (scale, min), 64 × four codes, f16 d, f16 dmin | d·scale(s)·q − dmin·min(s) |
// | Q3_K | 32 × third bits, 64 × four codes, 12 × scales, f16 d | d·(scale(s) − 32)·(q − 4) |
//
// Byte j of each 32 of codes holds number j of four sub-blocks of 32, the first in its lowest bits; byte j of the third
// bits holds those of number j of all eight. Source: ggml `ggml-quants.c`, `dequantize_row_q2_K`, `dequantize_row_q3_K`.

extension ElementType {
  // ggml's own names.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  public static let q2_K = ElementType(block: "Q2_K", number: 10, elements: 256, bytes: 84) { x, blocks, y in
    Block.each(x, blocks, size: 84, elements: 256, y) { block, y in
      let (d, dmin) = (block.scale(80), block.scale(82))
      for run in 0..<16 {
        let (first, shift) = codes(ofRun: run)
        let (scale, min) = (
          d * block.code(run, shift: 0, mask: 15), dmin * block.code(run, shift: 4, mask: 15)
        )
        let values = y + 16 &* run
        for j in 0..<16 { values[j] = scale * block.code(16 &+ first &+ j, shift: shift, mask: 3) - min }
      }
    }
  }

  // swift-format-ignore: AlwaysUseLowerCamelCase
  public static let q3_K = ElementType(block: "Q3_K", number: 11, elements: 256, bytes: 110) { x, blocks, y in
    Block.each(x, blocks, size: 110, elements: 256, y) { block, y in
      let d = block.scale(108)
      for run in 0..<16 {
        let (first, shift) = codes(ofRun: run)
        let (third, place) = (16 &* (run & 1), UInt8(truncatingIfNeeded: run &>> 1))
        let scale = d * Float(Int32(threeBitScale(block, run)) &- 32)
        let values = y + 16 &* run
        for j in 0..<16 {
          let low = Int32((block[32 &+ first &+ j] &>> shift) & 3)
          let high = Int32((block[third &+ j] &>> place) & 1)
          values[j] = scale * Float(low &+ 4 &* high &- 4)
        }
      }
    }
  }

  /// Where among the codes those of a run begin, and their place in a byte.
  @inline(__always)
  private static func codes(ofRun run: Int) -> (first: Int, shift: UInt8) {
    (32 &* (run &>> 3) &+ 16 &* (run & 1), UInt8(truncatingIfNeeded: 2 &* ((run &>> 1) & 3)))
  }

  /// Scale `run` of a Q3_K: its low four bits in a half of the first eight bytes, its high two in a quarter of the rest.
  @inline(__always)
  private static func threeBitScale(_ block: Block, _ run: Int) -> UInt8 {
    let low = block[96 &+ (run & 7)] &>> UInt8(truncatingIfNeeded: 4 &* (run &>> 3))
    let high = block[104 &+ (run & 3)] &>> UInt8(truncatingIfNeeded: 2 &* (run &>> 2))
    return (low & 15) | (high & 3) &<< 4
  }
}
