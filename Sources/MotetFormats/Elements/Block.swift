/// One block of a tensor in ggml's blocks, as its bytes lie in the file.
///
/// What all block types share: f16 scales, bytes, and 6-bit scales. Loops over it use `&` operators throughout, so that the
/// compiler vectorises them.
struct Block {
  let bytes: UnsafeRawPointer

  /// The byte at `offset`.
  @inline(__always)
  subscript(offset: Int) -> UInt8 { bytes.load(fromByteOffset: offset, as: UInt8.self) }

  /// The byte at `offset` as a signed number.
  @inline(__always)
  func signed(_ offset: Int) -> Int8 { bytes.load(fromByteOffset: offset, as: Int8.self) }

  @inline(__always)
  func word(_ offset: Int) -> UInt32 {
    UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  @inline(__always)
  func half(_ offset: Int) -> UInt16 {
    UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }

  /// The f16 scale at `offset`.
  @inline(__always)
  func scale(_ offset: Int) -> Float { float(fromHalf: half(offset)) }

  /// Bits `shift` and on of the byte at `offset`, so many as `mask` has, as a float.
  @inline(__always)
  func code(_ offset: Int, shift: UInt8, mask: UInt8) -> Float { Float((self[offset] &>> shift) & mask) }

  /// Calls `body` for each of `count` blocks of `size` bytes with the place of the `elements` floats it makes.
  @inline(__always)
  static func each(
    _ input: UnsafeRawPointer, _ count: Int, size: Int, elements: Int, _ output: UnsafeMutablePointer<Float>,
    _ body: (_ block: Block, _ y: UnsafeMutablePointer<Float>) -> Void
  ) {
    for index in 0..<count {
      body(Block(bytes: input + index &* size), output + index &* elements)
    }
  }
}

/// Eight small numbers, one a byte, the first lowest.
struct EightBytes {
  let word: UInt64

  @inline(__always)
  subscript(index: Int) -> UInt8 {
    UInt8(truncatingIfNeeded: word &>> UInt64(truncatingIfNeeded: 8 &* index))
  }
}
