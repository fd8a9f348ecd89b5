/// Finding, splitting, stripping and replacing, as the methods of Python's `str` do.
extension TemplateText {
  /// Where `needle` first stands in `range` of the bytes. Linear in their number, whatever the needle is.
  func firstRange(of needle: TemplateText, in range: Range<Int>) -> Range<Int>? {
    var matcher = Matcher(needle.bytes)
    for position in range where matcher.matches(after: bytes[position]) {
      return (position + 1 - needle.bytes.count)..<(position + 1)
    }
    return needle.isEmpty ? range.lowerBound..<range.lowerBound : nil
  }

  /// Where `needle` last stands in `range` of the bytes.
  func lastRange(of needle: TemplateText, in range: Range<Int>) -> Range<Int>? {
    if needle.isEmpty { return range.upperBound..<range.upperBound }
    var matcher = Matcher(needle.bytes.reversed())
    for position in range.reversed() where matcher.matches(after: bytes[position]) {
      return position..<(position + needle.bytes.count)
    }
    return nil
  }

  /// Where `needle`, which is not empty, stands without overlaps, from the left, at most `limit` times.
  func ranges(of needle: TemplateText, limit: Int = .max) -> [Range<Int>] {
    var found: [Range<Int>] = []
    var matcher = Matcher(needle.bytes)
    for position in bytes.indices {
      if found.count == limit { break }
      guard matcher.matches(after: bytes[position]) else { continue }
      found.append((position + 1 - needle.bytes.count)..<(position + 1))
      matcher.restart()
    }
    return found
  }

  /// The same from the right; the ranges are in order of the text.
  func rangesFromEnd(of needle: TemplateText, limit: Int) -> [Range<Int>] {
    var found: [Range<Int>] = []
    var matcher = Matcher(needle.bytes.reversed())
    for position in bytes.indices.reversed() {
      if found.count == limit { break }
      guard matcher.matches(after: bytes[position]) else { continue }
      found.append(position..<(position + needle.bytes.count))
      matcher.restart()
    }
    return found.reversed()
  }

  func hasSuffix(_ suffix: TemplateText) -> Bool {
    bytes.count >= suffix.bytes.count && bytes.suffix(suffix.bytes.count).elementsEqual(suffix.bytes)
  }

  /// The parts between the ranges, which are in order.
  func parts(between separators: [Range<Int>]) -> [TemplateText] {
    var parts: [TemplateText] = []
    var start = 0
    for separator in separators {
      parts.append(self[start..<separator.lowerBound])
      start = separator.upperBound
    }
    parts.append(self[start..<bytes.count])
    return parts
  }

  /// The words between runs of white space, cut at most `limit` times from the left: the rest keeps its white space at
  /// the end.
  func words(limit: Int) -> [TemplateText] {
    var words: [TemplateText] = []
    var position = skippingSpace(from: 0)
    while position < bytes.count {
      if words.count == limit {
        words.append(self[position..<bytes.count])
        break
      }
      let start = position
      while position < bytes.count, !scalar(at: position).scalar.isPythonSpace {
        position = scalar(at: position).end
      }
      words.append(self[start..<position])
      position = skippingSpace(from: position)
    }
    return words
  }

  /// The same, cut from the right.
  func wordsFromEnd(limit: Int) -> [TemplateText] {
    var words: [TemplateText] = []
    var position = skippingSpace(before: bytes.count)
    while position > 0 {
      if words.count == limit {
        words.append(self[0..<position])
        break
      }
      let end = position
      while position > 0, !scalar(before: position).scalar.isPythonSpace {
        position = scalar(before: position).start
      }
      words.append(self[position..<end])
      position = skippingSpace(before: position)
    }
    return words.reversed()
  }

  /// The lines, without their ends. A line break at the end of the text begins no further line.
  func lines(keepingEnds: Bool = false) -> [TemplateText] {
    var lines: [TemplateText] = []
    var (start, position) = (0, 0)
    while position < bytes.count {
      let (first, end) = scalar(at: position)
      guard first.isPythonLineBreak else {
        position = end
        continue
      }
      var next = end
      if first == "\r", next < bytes.count, bytes[next] == 0x0A { next += 1 }
      lines.append(self[start..<(keepingEnds ? next : position)])
      (start, position) = (next, next)
    }
    if start < bytes.count { lines.append(self[start..<bytes.count]) }
    return lines
  }

  /// Which ends a strip takes from.
  enum Side { case start, end, both }

  /// Without the code points of `characters` at its ends; nil: white space.
  func stripped(_ side: Side, of characters: TemplateText? = nil) -> TemplateText {
    let set = characters.map { Set($0.string.unicodeScalars) }
    func goes(_ scalar: Unicode.Scalar) -> Bool { set?.contains(scalar) ?? scalar.isPythonSpace }
    var (start, end) = (0, bytes.count)
    if side != .end {
      while start < end, goes(scalar(at: start).scalar) { start = scalar(at: start).end }
    }
    if side != .start {
      while end > start, goes(scalar(before: end).scalar) { end = scalar(before: end).start }
    }
    return self[start..<end]
  }

  private func skippingSpace(from start: Int) -> Int {
    var position = start
    while position < bytes.count, scalar(at: position).scalar.isPythonSpace {
      position = scalar(at: position).end
    }
    return position
  }

  private func skippingSpace(before end: Int) -> Int {
    var position = end
    while position > 0, scalar(before: position).scalar.isPythonSpace {
      position = scalar(before: position).start
    }
    return position
  }
}

/// Finds one string in a stream of bytes in time linear in both.
/// Source: Knuth, Morris and Pratt, "Fast pattern matching in strings", 1977.
private struct Matcher {
  private let needle: [UInt8]
  /// For each number of matched bytes, how many of them can still be a beginning of the needle.
  private let fallback: [Int]
  private var matched = 0

  init(_ needle: [UInt8]) {
    self.needle = needle
    var fallback = Array(repeating: 0, count: needle.count + 1)
    var length = 0
    for index in needle.indices.dropFirst() {
      while length > 0, needle[index] != needle[length] { length = fallback[length] }
      if needle[index] == needle[length] { length += 1 }
      fallback[index + 1] = length
    }
    self.fallback = fallback
  }

  /// Whether the needle ends with this byte of the stream.
  mutating func matches(after byte: UInt8) -> Bool {
    if needle.isEmpty { return false }
    if matched == needle.count { matched = fallback[matched] }
    while matched > 0, needle[matched] != byte { matched = fallback[matched] }
    if needle[matched] == byte { matched += 1 }
    return matched == needle.count
  }

  /// Forgets what was matched, so that the next match does not overlap the last.
  mutating func restart() { matched = 0 }
}
