import MotetFormats

/// Composes characters canonically: `e` and an acute accent become `é`.
struct NFC: Normalizer {
  static let type = "NFC"
  init(_ fields: StepFields) {}
  var fields: [String: JSONValue] { [:] }
  func normalize(_ text: AlignedText) -> AlignedText { text.inForm(compatible: false, composed: true) }
}

/// Decomposes characters canonically.
struct NFD: Normalizer {
  static let type = "NFD"
  init(_ fields: StepFields) {}
  var fields: [String: JSONValue] { [:] }
  func normalize(_ text: AlignedText) -> AlignedText { text.inForm(compatible: false, composed: false) }
}

/// Composes characters, those that only look different made equal first: `ﬁ` becomes `fi`.
struct NFKC: Normalizer {
  static let type = "NFKC"
  init(_ fields: StepFields) {}
  var fields: [String: JSONValue] { [:] }
  func normalize(_ text: AlignedText) -> AlignedText { text.inForm(compatible: true, composed: true) }
}

/// Decomposes characters, those that only look different made equal.
struct NFKD: Normalizer {
  static let type = "NFKD"
  init(_ fields: StepFields) {}
  var fields: [String: JSONValue] { [:] }
  func normalize(_ text: AlignedText) -> AlignedText { text.inForm(compatible: true, composed: false) }
}

extension AlignedText {
  /// The text in a normal form of Unicode 12.0. Source: Unicode Standard Annex 15.
  ///
  /// Marks that change places keep their origins in ascending order.
  func inForm(compatible: Bool, composed: Bool) -> AlignedText {
    if isASCII { return self }
    let data = Decompositions.shared
    var writer = Writer(capacity: count)
    var run = CombiningRun(data: data, composes: composed)
    var parts: [UInt32] = []
    withBytes { bytes in
      var position = 0
      while position < bytes.count {
        let (value, end) = bytes.scalar(at: position)
        let origin = origin(of: position)
        parts.removeAll(keepingCapacity: true)
        data.decompose(value, compatibly: compatible, into: &parts)
        for part in parts { run.append(part, from: origin, to: &writer) }
        position = end
      }
    }
    run.flush(to: &writer)
    return writer.text
  }
}

/// A character and the marks after it, as they come.
private struct CombiningRun {
  let data: Decompositions
  let composes: Bool
  private var scalars: [(value: UInt32, mark: UInt8)] = []
  private var origins: [Int] = []
  /// Whether the marks are in order and joined: that is done once only.
  private var isSettled = false

  init(data: Decompositions, composes: Bool) {
    self.data = data
    self.composes = composes
  }

  mutating func append(_ value: UInt32, from origin: Int, to writer: inout AlignedText.Writer) {
    let mark = data.combiningClass(value)
    if mark == 0, !scalars.isEmpty {
      // Two characters that begin anew may still make one: a Hangul syllable, some Indic vowels.
      if composes {
        settle()
        if scalars.count == 1, let whole = data.compose(scalars[0].value, value) {
          scalars[0].value = whole
          return
        }
      }
      flush(to: &writer)
    }
    scalars.append((value, mark))
    origins.append(origin)
    isSettled = false
  }

  mutating func flush(to writer: inout AlignedText.Writer) {
    settle()
    for (scalar, origin) in zip(scalars, origins) { writer.append(scalar.value, from: origin) }
    scalars.removeAll(keepingCapacity: true)
    origins.removeAll(keepingCapacity: true)
  }

  /// Puts the marks in order and, when composing, joins those that make a character with the first.
  private mutating func settle() {
    if isSettled { return }
    isSettled = true
    let first = scalars.first?.mark == 0 ? 1 : 0
    if scalars.count > first + 1 { sortMarks(from: first) }
    guard composes, first == 1, scalars.count > 1 else { return }
    var kept = 1
    var lastMark: UInt8 = 0
    for index in 1..<scalars.count {
      let scalar = scalars[index]
      // A mark is blocked from the first character by another of the same class between them.
      if lastMark < scalar.mark, let whole = data.compose(scalars[0].value, scalar.value) {
        scalars[0].value = whole
        continue
      }
      lastMark = scalar.mark
      scalars[kept] = scalar
      origins[kept] = origins[index]
      kept += 1
    }
    scalars.removeLast(scalars.count - kept)
    origins.removeLast(origins.count - kept)
  }

  /// Sorts by class and keeps the order within a class.
  private mutating func sortMarks(from first: Int) {
    let marks = scalars[first...].enumerated().sorted {
      ($0.element.mark, $0.offset) < ($1.element.mark, $1.offset)
    }
    scalars.replaceSubrange(first..., with: marks.map(\.element))
  }
}
