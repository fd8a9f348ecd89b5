import MotetFormats

/// Writes each byte of the text as its stand-in of the byte alphabet: a space becomes `Ġ`.
struct ByteLevelNormalizer: Normalizer {
  static let type = "ByteLevel"

  init(_ fields: StepFields) {}
  var fields: [String: JSONValue] { [:] }

  func normalize(_ text: AlignedText) -> AlignedText { text.spelledInBytes() }
}

extension AlignedText {
  /// Each byte as its stand-in of ``ByteAlphabet``.
  func spelledInBytes() -> AlignedText {
    var writer = Writer(capacity: count + count / 4)
    for index in 0..<count { writer.append(ByteAlphabet.values[Int(bytes[index])], from: origin(of: index)) }
    return writer.text
  }
}
