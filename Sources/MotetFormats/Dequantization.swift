/// The ggml block formats, 32 numbers a block, turned back into floats.
/// Source: ggml `ggml-quants.c`, `dequantize_row_q4_0` and others; `gguf/quants.py`.
///
/// | block | layout in bytes | number |
/// |---|---|---|
/// | Q4_0 | f16 d, 16 × two nibbles | d·(q − 8) |
/// | Q4_1 | f16 d, f16 m, 16 × two nibbles | d·q + m |
/// | Q5_0 | f16 d, u32 fifth bits, 16 × two nibbles | d·(q − 16) |
/// | Q5_1 | f16 d, f16 m, u32 fifth bits, 16 × two nibbles | d·q + m |
/// | Q8_0 | f16 d, 32 × i8 | d·q |
///
/// The low nibble of byte j is number j, the high nibble number j + 16. All are little-endian.
enum Dequantization {
  /// Writes `32 · blocks` floats to `output` from the blocks at `input`.
  static func expand(
    _ type: ElementType, _ input: UnsafeRawPointer, blocks: Int, into output: UnsafeMutablePointer<Float>
  ) {
    switch type {
    case .q4_0:
      each(input, blocks, bytes: 18, output) { nibbles($0, at: 2, d: scale($0, 0), zero: 8, $1) }
    case .q4_1:
      each(input, blocks, bytes: 20, output) { nibbles($0, at: 4, d: scale($0, 0), m: scale($0, 2), $1) }
    case .q5_0:
      each(input, blocks, bytes: 22, output) {
        nibbles($0, at: 6, fifth: fifthBits($0, 2), d: scale($0, 0), zero: 16, $1)
      }
    case .q5_1:
      each(input, blocks, bytes: 24, output) {
        nibbles($0, at: 8, fifth: fifthBits($0, 4), d: scale($0, 0), m: scale($0, 2), $1)
      }
    case .q8_0:
      each(input, blocks, bytes: 34, output) { block, y in
        let d = scale(block, 0)
        let q = (block + 2).assumingMemoryBound(to: Int8.self)
        for j in 0..<32 { y[j] = Float(q[j]) * d }
      }
    default: preconditionFailure("\(type) has no blocks")
    }
  }

  @inline(__always)
  private static func scale(_ input: UnsafeRawPointer, _ offset: Int) -> Float {
    float(fromHalf: UInt16(littleEndian: input.loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
  }

  /// Calls `body` for each block with the 32 floats it makes.
  @inline(__always)
  private static func each(
    _ input: UnsafeRawPointer, _ blocks: Int, bytes: Int, _ output: UnsafeMutablePointer<Float>,
    _ body: (_ block: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>) -> Void
  ) {
    for index in 0..<blocks { body(input + index * bytes, output + index * 32) }
  }

  /// d·(q − zero) + m over 16 bytes of nibbles at `offset`, to whose numbers `fifth` adds a bit each.
  @inline(__always)
  private static func nibbles(
    _ block: UnsafeRawPointer, at offset: Int, fifth: UInt32 = 0, d: Float, zero: Int32 = 0, m: Float = 0,
    _ y: UnsafeMutablePointer<Float>
  ) {
    let q = (block + offset).assumingMemoryBound(to: UInt8.self)
    for j in 0..<16 {
      let shift = UInt32(truncatingIfNeeded: j)
      let low = Int32(q[j] & 15) | Int32(truncatingIfNeeded: ((fifth &>> shift) & 1) &<< 4)
      let high = Int32(q[j] >> 4) | Int32(truncatingIfNeeded: ((fifth &>> (shift &+ 16)) & 1) &<< 4)
      y[j] = Float(low &- zero) * d + m
      y[j &+ 16] = Float(high &- zero) * d + m
    }
  }

  @inline(__always)
  private static func fifthBits(_ block: UnsafeRawPointer, _ offset: Int) -> UInt32 {
    UInt32(littleEndian: block.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }
}
