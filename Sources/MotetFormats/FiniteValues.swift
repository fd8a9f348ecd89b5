extension [Float] {
  /// The place of the first value that is infinite or not a number; nil when there is none.
  public var firstNotFinite: Int? { withUnsafeBufferPointer(\.firstNotFinite) }
}

extension UnsafeBufferPointer<Float> {
  /// The place of the first value that is infinite or not a number; nil when there is none.
  var firstNotFinite: Int? {
    // A pass over integers, which the compiler vectorizes: most arrays have none, and are long.
    var largest: UInt32 = 0
    for value in self { largest = Swift.max(largest, value.bitPattern & 0x7FFF_FFFF) }
    guard largest >= Float.infinity.bitPattern else { return nil }
    return firstIndex { !$0.isFinite }
  }
}
