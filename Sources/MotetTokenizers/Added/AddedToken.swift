import MotetFormats

/// A token that is found in a text whole, before the text is split: `<|im_end|>` and the like.
struct AddedToken: Equatable, Sendable {
  var id: Int32
  var content: String
  /// Whether it is found only where special tokens are parsed, and left out of decoded text on request.
  var isSpecial = false
  /// Whether it is found only where no letter, digit or mark stands beside it.
  var isSingleWord = false
  /// Whether it takes the white space before it.
  var stripsLeft = false
  /// Whether it takes the white space after it.
  var stripsRight = false
  /// Whether it is looked for in the normalized text, itself normalized.
  var isNormalized = false

  init(id: Int32, content: String, isSpecial: Bool = false) {
    self.id = id
    self.content = content
    self.isSpecial = isSpecial
  }

  /// Reads an element of `added_tokens`; `id` is its own unless given.
  init(_ fields: StepFields, id: Int? = nil) throws {
    self.id = Int32(truncatingIfNeeded: try id ?? fields.count("id"))
    content = try fields.string("content")
    isSpecial = try fields.bool("special", or: false)
    isSingleWord = try fields.bool("single_word", or: false)
    stripsLeft = try fields.bool("lstrip", or: false)
    stripsRight = try fields.bool("rstrip", or: false)
    isNormalized = try fields.bool("normalized", or: !isSpecial)
  }

  /// The token as `tokenizer.json` writes it.
  var json: JSONValue {
    .object([
      "id": .int(Int(id)), "content": .string(content), "special": .bool(isSpecial),
      "single_word": .bool(isSingleWord), "lstrip": .bool(stripsLeft), "rstrip": .bool(stripsRight),
      "normalized": .bool(isNormalized),
    ])
  }
}
