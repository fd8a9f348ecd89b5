import MotetFormats

/// Takes white space off the ends of a text.
struct StripNormalizer: Normalizer {
  static let type = "Strip"

  let left: Bool
  let right: Bool

  init(_ fields: StepFields) throws {
    left = try fields.bool("strip_left")
    right = try fields.bool("strip_right")
  }

  init(left: Bool, right: Bool) {
    self.left = left
    self.right = right
  }

  var fields: [String: JSONValue] { ["strip_left": .bool(left), "strip_right": .bool(right)] }

  func normalize(_ text: AlignedText) -> AlignedText {
    let range = text.withBytes { bytes in
      var (start, end) = (0, bytes.count)
      while left, start < end {
        let (value, next) = bytes.scalar(at: start)
        guard WhiteSpace.contains(value) else { break }
        start = next
      }
      while right, end > start {
        let last = bytes.start(before: end)
        guard WhiteSpace.contains(bytes.scalar(at: last).value) else { break }
        end = last
      }
      return start..<end
    }
    return text[range]
  }
}
