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
      if isClosed {
        if !byte.isWhiteSpace { return .fault }
      } else if isInString {
        if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
          isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
          isInString = false
        }
      } else {
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
      }
    }
    return .none
  }
}
