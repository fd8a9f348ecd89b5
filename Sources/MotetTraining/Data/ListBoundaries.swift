/// Finds where the elements of a JSON list end, by counting brackets outside strings; what stands between is left
/// to whoever parses it.
struct ListBoundaries {
  enum Boundary { case none, separator, end, fault }

  private var depth = 0
  private var isInString = false
  private var isEscaped = false
  private(set) var isClosed = false

  /// Goes on at `position` to the byte after the next boundary, or to the end of `bytes` when there is none.
  mutating func next(in bytes: UnsafeBufferPointer<UInt8>, from position: inout Int) -> Boundary {
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      let boundary = take(byte)
      if boundary != .none { return boundary }
    }
    return .none
  }

  /// What the next byte is.
  @inline(__always)
  mutating func take(_ byte: UInt8) -> Boundary {
    if isClosed { return byte.isWhiteSpace ? .none : .fault }
    if isInString {
      if isEscaped {
        isEscaped = false
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if byte == UInt8(ascii: "\"") {
        isInString = false
      }
      return .none
    }
    switch byte {
    case UInt8(ascii: "\""): isInString = true
    case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
    case UInt8(ascii: "]") where depth == 0:
      isClosed = true
      return .end
    case UInt8(ascii: "}"), UInt8(ascii: "]"):
      guard depth > 0 else { return .fault }
      depth -= 1
    case UInt8(ascii: ",") where depth == 0: return .separator
    default: break
    }
    return .none
  }
}

/// Finds where JSON objects that stand one after another end.
struct ObjectBoundaries {
  private var depth = 0
  private var isInString = false
  private var isEscaped = false

  /// Goes on at `position` to the byte after the object's end; false when it does not end in `bytes`.
  mutating func next(in bytes: UnsafeBufferPointer<UInt8>, from position: inout Int) -> Bool {
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      if isEscaped {
        isEscaped = false
      } else if isInString {
        if byte == UInt8(ascii: "\\") { isEscaped = true }
        if byte == UInt8(ascii: "\"") { isInString = false }
      } else if byte == UInt8(ascii: "\"") {
        isInString = true
      } else if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
        depth += 1
      } else if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
        depth = max(0, depth - 1)
        if depth == 0 { return true }
      }
    }
    return false
  }
}
