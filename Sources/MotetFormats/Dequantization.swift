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
    case .q4_0: fourBits(input, blocks, output)
    case .q4_1: fourBitsAndMinimum(input, blocks, output)
    case .q5_0: fiveBits(input, blocks, output)
    case .q5_1: fiveBitsAndMinimum(input, blocks, output)
    case .q8_0: eightBits(input, blocks, output)
    default: preconditionFailure("\(type) has no blocks")
    }
  }

  @inline(__always)
  private static func scale(_ input: UnsafeRawPointer, _ offset: Int) -> Float {
    float(fromHalf: UInt16(littleEndian: input.loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
  }

  private static func fourBits(
    _ input: UnsafeRawPointer, _ blocks: Int, _ output: UnsafeMutablePointer<Float>
  ) {
    var block = input
    var y = output
    for _ in 0..<blocks {
      let d = scale(block, 0)
      let q = (block + 2).assumingMemoryBound(to: UInt8.self)
      for j in 0..<16 {
        y[j] = Float(Int32(q[j] & 15) &- 8) * d
        y[j &+ 16] = Float(Int32(q[j] >> 4) &- 8) * d
      }
      block += 18
      y += 32
    }
  }

  private static func fourBitsAndMinimum(
    _ input: UnsafeRawPointer, _ blocks: Int, _ output: UnsafeMutablePointer<Float>
  ) {
    var block = input
    var y = output
    for _ in 0..<blocks {
      let d = scale(block, 0)
      let m = scale(block, 2)
      let q = (block + 4).assumingMemoryBound(to: UInt8.self)
      for j in 0..<16 {
        y[j] = Float(Int32(q[j] & 15)) * d + m
        y[j &+ 16] = Float(Int32(q[j] >> 4)) * d + m
      }
      block += 20
      y += 32
    }
  }

  private static func fiveBits(
    _ input: UnsafeRawPointer, _ blocks: Int, _ output: UnsafeMutablePointer<Float>
  ) {
    var block = input
    var y = output
    for _ in 0..<blocks {
      let d = scale(block, 0)
      let fifth = UInt32(littleEndian: block.loadUnaligned(fromByteOffset: 2, as: UInt32.self))
      let q = (block + 6).assumingMemoryBound(to: UInt8.self)
      for j in 0..<16 {
        let shift = UInt32(truncatingIfNeeded: j)
        let low = Int32(q[j] & 15) | Int32(truncatingIfNeeded: ((fifth &>> shift) & 1) &<< 4)
        let high = Int32(q[j] >> 4) | Int32(truncatingIfNeeded: ((fifth &>> (shift &+ 16)) & 1) &<< 4)
        y[j] = Float(low &- 16) * d
        y[j &+ 16] = Float(high &- 16) * d
      }
      block += 22
      y += 32
    }
  }

  private static func fiveBitsAndMinimum(
    _ input: UnsafeRawPointer, _ blocks: Int, _ output: UnsafeMutablePointer<Float>
  ) {
    var block = input
    var y = output
    for _ in 0..<blocks {
      let d = scale(block, 0)
      let m = scale(block, 2)
      let fifth = UInt32(littleEndian: block.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
      let q = (block + 8).assumingMemoryBound(to: UInt8.self)
      for j in 0..<16 {
        let shift = UInt32(truncatingIfNeeded: j)
        let low = Int32(q[j] & 15) | Int32(truncatingIfNeeded: ((fifth &>> shift) & 1) &<< 4)
        let high = Int32(q[j] >> 4) | Int32(truncatingIfNeeded: ((fifth &>> (shift &+ 16)) & 1) &<< 4)
        y[j] = Float(low) * d + m
        y[j &+ 16] = Float(high) * d + m
      }
      block += 24
      y += 32
    }
  }

  private static func eightBits(
    _ input: UnsafeRawPointer, _ blocks: Int, _ output: UnsafeMutablePointer<Float>
  ) {
    var block = input
    var y = output
    for _ in 0..<blocks {
      let d = scale(block, 0)
      let q = (block + 2).assumingMemoryBound(to: Int8.self)
      for j in 0..<32 { y[j] = Float(q[j]) * d }
      block += 34
      y += 32
    }
  }
}
