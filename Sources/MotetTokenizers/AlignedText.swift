/// A text on its way to the model, and where in the original each of its bytes comes from.
struct AlignedText: Sendable {
  /// Valid UTF-8.
  private(set) var bytes: [UInt8]
  /// For each byte the offset of the original character that it comes from; empty while the text is the original's, from
  /// `start` on.
  private var origins: [Int]
  private let start: Int

  /// The bytes of an original text from `start` on.
  init(_ bytes: some Collection<UInt8>, start: Int = 0) {
    self.bytes = Array(bytes)
    self.start = start
    origins = []
  }

  fileprivate init(bytes: [UInt8], origins: [Int]) {
    self.bytes = bytes
    self.origins = origins
    start = 0
  }

  var count: Int { bytes.count }
  var isEmpty: Bool { bytes.isEmpty }

  /// The offset in the original of the character that the byte at `index` comes from.
  @inline(__always)
  func origin(of index: Int) -> Int {
    if !origins.isEmpty { return origins[index] }
    var first = index
    while first > 0, bytes[first] & 0xC0 == 0x80 { first -= 1 }
    return start + first
  }

  /// The part of the text in `range`, which does not cut a character.
  subscript(range: Range<Int>) -> AlignedText {
    if range == bytes.indices { return self }
    return origins.isEmpty
      ? AlignedText(bytes[range], start: start + range.lowerBound)
      : AlignedText(bytes: Array(bytes[range]), origins: Array(origins[range]))
  }

  /// Calls `body` with the bytes while they stay where they are.
  @inline(__always)
  func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) throws -> Result) rethrows -> Result {
    try bytes.withUnsafeBufferPointer(body)
  }

  /// Whether every character is one of ASCII.
  var isASCII: Bool { bytes.allSatisfy { $0 < 0x80 } }

  /// The text as `body` writes it anew, character by character.
  func rewritten(_ body: (_ value: UInt32, _ origin: Int, inout Writer) -> Void) -> AlignedText {
    var writer = Writer(capacity: count)
    withBytes { bytes in
      var position = 0
      while position < bytes.count {
        let (value, end) = bytes.scalar(at: position)
        body(value, origin(of: position), &writer)
        position = end
      }
    }
    return writer.text
  }

  /// A text in the making.
  struct Writer {
    private(set) var bytes: [UInt8] = []
    private var origins: [Int] = []

    init(capacity: Int) {
      bytes.reserveCapacity(capacity)
      origins.reserveCapacity(capacity)
    }

    var text: AlignedText { AlignedText(bytes: bytes, origins: origins) }
    var count: Int { bytes.count }

    @inline(__always)
    mutating func append(_ value: UInt32, from origin: Int) {
      bytes.append(scalar: value)
      while origins.count < bytes.count { origins.append(origin) }
    }

    mutating func append(_ text: [UInt8], from origin: Int) {
      bytes.append(contentsOf: text)
      while origins.count < bytes.count { origins.append(origin) }
    }

    /// Appends a part of `text` with its origins.
    mutating func append(_ range: Range<Int>, of text: AlignedText) {
      bytes.append(contentsOf: text.bytes[range])
      for index in range { origins.append(text.origin(of: index)) }
    }
  }
}
