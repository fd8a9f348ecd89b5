import MotetFormats

/// Puts a text before every text that is not empty.
struct Prepend: Normalizer {
  static let type = "Prepend"

  let text: String

  init(_ fields: StepFields) throws { text = try fields.insertion("prepend") }

  init(_ text: String) { self.text = text }

  var fields: [String: JSONValue] { ["prepend": .string(text)] }

  func normalize(_ text: AlignedText) -> AlignedText {
    if text.isEmpty { return text }
    var writer = AlignedText.Writer(capacity: text.count + 4)
    writer.append(Array(self.text.utf8), from: text.origin(of: 0))
    writer.append(0..<text.count, of: text)
    return writer.text
  }
}
