/// Sixteen lanes at a time: the passes over a row of logits, which has tens of thousands of values for each token.
enum VectorMath {
  typealias Lanes = SIMD16<Float>

  /// eˣ for x ≤ 0, with a relative error below 3·10⁻⁷; 0 below -87.
  ///
  /// Two to the whole part of x·log₂e by its bits, and to the rest by the polynomial of Cephes' `expf`.
  @inline(__always)
  static func exponential(_ x: Lanes) -> Lanes {
    let isTiny = x .< Lanes(repeating: -87)
    let clamped = x.replacing(with: Lanes(repeating: -87), where: isTiny)
    // Adding 1.5·2²³ leaves the nearest whole number in the low bits.
    let shifted = clamped * 1.442_695_04 + 12_582_912
    let whole = shifted - 12_582_912
    let rest = (clamped - whole * 0.693_359_375) + whole * 2.121_944_4e-4
    var p = Lanes(repeating: 1.987_569_15e-4)
    p = p * rest + 1.398_199_95e-3
    p = p * rest + 8.333_451_9e-3
    p = p * rest + 4.166_579_6e-2
    p = p * rest + 1.666_666_55e-1
    p = p * rest + 5.000_000_1e-1
    let value = p * rest * rest + rest + 1
    let exponent = unsafeBitCast(shifted, to: SIMD16<Int32>.self) &- 0x4B40_0000
    let power = unsafeBitCast((exponent &+ 127) &<< 23, to: Lanes.self)
    return (value * power).replacing(with: Lanes(), where: isTiny)
  }

  /// The largest value; nil when a value is not a number or +∞, or all are -∞.
  static func maximum(_ values: UnsafeBufferPointer<Float>) -> Float? {
    var top = Lanes(repeating: -.infinity)
    var isFine = SIMDMask<SIMD16<Int32>>(repeating: true)
    let whole = values.count / 16 * 16
    var index = 0
    while index < whole {
      let lanes = load(values, index)
      top = top.replacing(with: lanes, where: lanes .> top)
      isFine .&= lanes .< Lanes(repeating: .infinity)
      index += 16
    }
    var highest = top.max()
    var hasBad = !all(isFine)
    while index < values.count {
      highest = Swift.max(highest, values[index])
      hasBad = hasBad || !(values[index] < .infinity)
      index += 1
    }
    return hasBad || highest == -.infinity ? nil : highest
  }

  /// The first place of a value that is there.
  static func firstIndex(of value: Float, in values: UnsafeBufferPointer<Float>) -> Int {
    let wanted = Lanes(repeating: value)
    let whole = values.count / 16 * 16
    var index = 0
    while index < whole {
      if any(load(values, index) .== wanted) { break }
      index += 16
    }
    while index < values.count, values[index] != value { index += 1 }
    return Swift.min(index, values.count - 1)
  }

  /// Σ e^((x - highest)·scale), and the terms into `out` where there is one.
  static func exponentials(
    _ values: UnsafeBufferPointer<Float>, highest: Float, scale: Float, into out: UnsafeMutablePointer<Float>?
  ) -> Double {
    var total = 0.0
    let whole = values.count / 16 * 16
    var index = 0
    while index < whole {
      // Sums of a few hundred terms in f32, and those in f64.
      var sum = Lanes()
      let end = Swift.min(whole, index + 16 * 64)
      while index < end {
        let terms = exponential((load(values, index) - highest) * scale)
        if let out { UnsafeMutableRawPointer(out + index).storeBytes(of: terms, as: Lanes.self) }
        sum += terms
        index += 16
      }
      total += Double(sum.sum())
    }
    guard index < values.count else { return total }
    var rest = Lanes(repeating: -.infinity)
    for lane in 0..<values.count - index { rest[lane] = values[index + lane] }
    let terms = exponential((rest - highest) * scale)
    for lane in 0..<values.count - index {
      out?[index + lane] = terms[lane]
      total += Double(terms[lane])
    }
    return total
  }

  @inline(__always)
  private static func load(_ values: UnsafeBufferPointer<Float>, _ index: Int) -> Lanes {
    UnsafeRawPointer(values.baseAddress.unsafelyUnwrapped + index).loadUnaligned(as: Lanes.self)
  }
}
