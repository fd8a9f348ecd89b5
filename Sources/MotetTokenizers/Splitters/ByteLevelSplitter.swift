import MotetFormats

/// GPT-2's pattern, and from there on bytes in place of characters.
struct ByteLevelSplitter: Splitter {
  static let type = "ByteLevel"

  /// Whether a word that does not begin with a space gets one.
  let addsPrefixSpace: Bool
  /// Whether GPT-2's pattern cuts the text, or only the steps before do.
  let usesPattern: Bool

  init(_ fields: StepFields) throws {
    addsPrefixSpace = try fields.bool("add_prefix_space")
    usesPattern = try fields.bool("use_regex", or: true)
  }

  init(addsPrefixSpace: Bool = false, usesPattern: Bool) {
    self.addsPrefixSpace = addsPrefixSpace
    self.usesPattern = usesPattern
  }

  var fields: [String: JSONValue] {
    [
      "add_prefix_space": .bool(addsPrefixSpace), "trim_offsets": .bool(true),
      "use_regex": .bool(usesPattern),
    ]
  }

  func split(_ words: inout Words) {
    if addsPrefixSpace {
      words.rewrite { word, text, writer in
        if text.bytes[word.lowerBound] != 0x20 { writer.append(0x20, from: text.origin(of: word.lowerBound)) }
        writer.append(word, of: text)
      }
    }
    if usesPattern {
      CharacterClass.table.withUnsafeBufferPointer { classes in
        words.cut { bytes, word, parts in
          WordScanner(text: bytes, classes: classes, splitting: .gpt2).forEachWord(in: word) {
            parts.append($0)
          }
        }
      }
    }
    words.makeByteLevel()
  }
}
