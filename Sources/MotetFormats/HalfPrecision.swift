/// The two 16-bit floats as bit patterns, without the compiler's runtime calls, so that loops vectorise.
/// Source: IEEE 754 binary16; bfloat16 is the upper half of a binary32.

/// IEEE binary16 to binary32, exact, subnormals included.
@inline(__always)
func float(fromHalf half: UInt16) -> Float {
  let magnitude = UInt32(half & 0x7FFF) << 13
  let sign = UInt32(half & 0x8000) << 16
  let exponent = magnitude & 0x0F80_0000
  // The exponent's bias is 15 in one and 127 in the other.
  let normal = magnitude &+ 0x3800_0000
  // A subnormal becomes 2⁻¹⁴·(1 + m) - 2⁻¹⁴, which no flush-to-zero mode can spoil.
  let subnormal = Float(bitPattern: normal &+ 0x0080_0000) - Float(bitPattern: 0x3880_0000)
  let special = normal &+ 0x3800_0000
  let bits = exponent == 0 ? subnormal.bitPattern : (exponent == 0x0F80_0000 ? special : normal)
  return Float(bitPattern: bits | sign)
}

/// bfloat16 to binary32, exact.
@inline(__always)
func float(fromBFloat bfloat: UInt16) -> Float { Float(bitPattern: UInt32(bfloat) << 16) }

/// binary32 to IEEE binary16, to nearest, ties to even; beyond 65504 it is infinite.
@inline(__always)
func half(from value: Float) -> UInt16 {
  let bits = value.bitPattern
  let sign = UInt16(truncatingIfNeeded: bits >> 16) & 0x8000
  let magnitude = bits & 0x7FFF_FFFF
  if magnitude > 0x7F80_0000 { return sign | 0x7E00 }
  if magnitude >= 0x4780_0000 { return sign | 0x7C00 }
  if magnitude < 0x3880_0000 {
    // Adding ½ puts the subnormal's last bit at the sum's last bit; the processor rounds.
    let sum = Float(bitPattern: magnitude) + 0.5
    return sign | UInt16(truncatingIfNeeded: sum.bitPattern &- 0x3F00_0000)
  }
  let odd = (magnitude >> 13) & 1
  let rounded = magnitude &- 0x3800_0000 &+ 0xFFF &+ odd
  return sign | UInt16(truncatingIfNeeded: rounded >> 13)
}

/// binary32 to bfloat16, to nearest, ties to even; NaN stays NaN.
@inline(__always)
func bfloat(from value: Float) -> UInt16 {
  let bits = value.bitPattern
  if bits & 0x7FFF_FFFF > 0x7F80_0000 { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
  let odd = (bits >> 16) & 1
  return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ odd) >> 16)
}
