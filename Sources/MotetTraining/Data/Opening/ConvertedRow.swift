/// How rows that were not JSON are written into a copy that is: an object a line, or a string that says why the row
/// cannot be used.
enum ConvertedRow {
  /// The member that holds a row of packed documents: a list of texts.
  static let parts = "motet:parts"
  /// Whether the last of the parts ends its document.
  static let ends = "motet:ends"

  /// A row that cannot be used.
  static func fault(_ problem: String) -> [UInt8] {
    var line: [UInt8] = []
    append(Array(problem.utf8), to: &line)
    return line
  }

  /// Parts of documents; all but the last are whole ends.
  static func documents(_ parts: [[UInt8]], endsLast: Bool) -> [UInt8] {
    var line = Array("{\"\(Self.parts)\":[".utf8)
    for (index, part) in parts.enumerated() {
      if index > 0 { line.append(UInt8(ascii: ",")) }
      append(part, to: &line)
    }
    line += Array("],\"\(ends)\":\(endsLast)}\n".utf8)
    return line
  }

  /// The bytes as a JSON string; bytes that are not UTF-8 stay, to be found by whoever reads the row.
  static func append(_ bytes: some Sequence<UInt8>, to line: inout [UInt8]) {
    line.append(UInt8(ascii: "\""))
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        line.append(UInt8(ascii: "\\"))
        line.append(byte)
      case UInt8(ascii: "\n"): line += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
      case UInt8(ascii: "\r"): line += [UInt8(ascii: "\\"), UInt8(ascii: "r")]
      case UInt8(ascii: "\t"): line += [UInt8(ascii: "\\"), UInt8(ascii: "t")]
      case 0..<0x20:
        line += Array("\\u00".utf8)
        let digits = Array("0123456789abcdef".utf8)
        line += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      default: line.append(byte)
      }
    }
    line.append(UInt8(ascii: "\""))
  }
}
