/// A string of a template that knows, for every stretch, where the stretch comes from.
///
///     var text = TemplateText("<|im_start|>", from: .template)
///     text.append(TemplateText("Hi", from: .content))
///     text.runs.map(\.origin)     // [.template, .content]
///
/// Everything a template does with strings is made of two operations, taking a slice and appending: both keep the
/// origin of every byte. Text that is neither the template's own nor the conversation's, such as the digits of a number
/// or the spaces of an indentation, counts as content.
///
/// The bytes are UTF-8 and always valid: positions inside a character are never used to cut. Equality and order are
/// those of Python's `str`: by code point, without Unicode normalization.
public struct TemplateText: Sendable {
  /// Where a stretch of text comes from: the template itself, or a part of the conversation that the caller numbers.
  public struct Origin: RawRepresentable, Hashable, Sendable {
    public let rawValue: Int32

    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// The template's own text.
    public static let template = Origin(rawValue: 0)
    /// Content without a more exact origin. Callers number their own origins from 2.
    public static let content = Origin(rawValue: 1)
  }

  /// What every byte of a stretch has in common.
  struct Mark: Hashable, Sendable {
    var origin: Origin
    /// Whether the stretch was written inside `{% generation %}`.
    var isGenerated = false

    static let template = Mark(origin: .template)
    static let content = Mark(origin: .content)
  }

  /// A stretch of bytes with one mark, from the end of the stretch before.
  struct Stretch: Hashable, Sendable {
    var end: Int
    var mark: Mark
  }

  private(set) var bytes: [UInt8]
  private(set) var stretches: [Stretch]
  /// Whether the filter `safe` was applied: joining with `+` escapes what is not safe, as `markupsafe` does.
  var isSafe = false

  init() {
    bytes = []
    stretches = []
  }

  /// A string of one origin.
  public init(_ string: String, from origin: Origin) {
    self.init(Array(string.utf8), Mark(origin: origin))
  }

  init(_ bytes: [UInt8], _ mark: Mark) {
    self.bytes = bytes
    stretches = bytes.isEmpty ? [] : [Stretch(end: bytes.count, mark: mark)]
  }

  init(_ string: String, _ mark: Mark) { self.init(Array(string.utf8), mark) }

  public var string: String { String(decoding: bytes, as: UTF8.self) }
  public var isEmpty: Bool { bytes.isEmpty }
  /// The number of bytes in UTF-8.
  public var utf8Count: Int { bytes.count }

  mutating func append(_ more: some Collection<UInt8>, _ mark: Mark) {
    guard !more.isEmpty else { return }
    bytes.append(contentsOf: more)
    if stretches.last?.mark == mark {
      stretches[stretches.count - 1].end = bytes.count
    } else {
      stretches.append(Stretch(end: bytes.count, mark: mark))
    }
  }

  mutating func append(_ string: String, _ mark: Mark) { append(string.utf8, mark) }

  public mutating func append(_ other: TemplateText) {
    if bytes.isEmpty {
      (bytes, stretches) = (other.bytes, other.stretches)
      return
    }
    append(other, in: 0..<other.bytes.count)
  }

  /// Appends the bytes in `range` of `other`.
  mutating func append(_ other: TemplateText, in range: Range<Int>) {
    other.forEachStretch(in: range) { append(other.bytes[$0], $1) }
  }

  /// The text of a range of bytes.
  subscript(range: Range<Int>) -> TemplateText {
    if range == 0..<bytes.count { return self }
    var slice = TemplateText()
    slice.append(self, in: range)
    slice.isSafe = isSafe
    return slice
  }

  /// Calls `body` with the parts of `range` that have one mark each, in order.
  func forEachStretch(in range: Range<Int>, _ body: (Range<Int>, Mark) throws -> Void) rethrows {
    var start = range.lowerBound
    var index = stretch(at: start)
    while start < range.upperBound {
      let end = min(stretches[index].end, range.upperBound)
      try body(start..<end, stretches[index].mark)
      (start, index) = (end, index + 1)
    }
  }

  /// The mark of the byte at `position`, or of the last byte when there is none; content for an empty text.
  func mark(at position: Int) -> Mark {
    guard !stretches.isEmpty else { return .content }
    return stretches[min(stretch(at: position), stretches.count - 1)].mark
  }

  /// The index of the stretch that holds the byte at `position`.
  private func stretch(at position: Int) -> Int {
    if stretches.count < 2 { return 0 }
    var (low, high) = (0, stretches.count)
    while low < high {
      let middle = (low + high) / 2
      if stretches[middle].end <= position { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Marks the whole text as written inside `{% generation %}`.
  mutating func markGenerated() {
    for index in stretches.indices { stretches[index].mark.isGenerated = true }
  }
}

extension TemplateText {
  /// A stretch of the text that has one origin.
  public struct Run: Hashable, Sendable {
    /// Its bytes in the text's UTF-8.
    public var range: Range<Int>
    public var origin: Origin
    /// Whether the template wrote it inside `{% generation %}`: the tokens that the model writes itself.
    public var isGenerated: Bool
  }

  /// The text of a range of bytes, which begins and ends between characters.
  public func slice(_ range: Range<Int>) -> TemplateText { self[range] }

  /// Whether the text begins with `prefix`; origins are not compared.
  public func hasPrefix(_ prefix: TemplateText) -> Bool { bytes.starts(with: prefix.bytes) }

  /// The stretches of the text in order, from the first byte to the last, without gaps.
  public var runs: [Run] {
    var start = 0
    return stretches.map { stretch in
      defer { start = stretch.end }
      return Run(
        range: start..<stretch.end, origin: stretch.mark.origin, isGenerated: stretch.mark.isGenerated)
    }
  }
}

extension TemplateText: Hashable {
  /// Whether the characters are the same; origins are not compared.
  public static func == (left: TemplateText, right: TemplateText) -> Bool { left.bytes == right.bytes }

  public func hash(into hasher: inout Hasher) { hasher.combine(bytes) }

  /// Whether the text is the ASCII string `literal`.
  func `is`(_ literal: StaticString) -> Bool {
    bytes.count == literal.utf8CodeUnitCount && literal.withUTF8Buffer { $0.elementsEqual(bytes) }
  }

  /// The order of Python's `str`, by code point.
  static func isOrdered(_ left: TemplateText, before right: TemplateText) -> Bool {
    left.bytes.lexicographicallyPrecedes(right.bytes)
  }
}
