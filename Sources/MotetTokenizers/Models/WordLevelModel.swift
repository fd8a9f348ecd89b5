import MotetFormats

/// Every word is one token, or the unknown one.
struct WordLevelModel: TokenModel {
  static let type = "WordLevel"

  private let vocabulary: Vocabulary
  private let unknown: Int32
  private let unknownToken: String

  init(_ fields: StepFields, _ parts: ModelParts) throws {
    vocabulary = parts.vocabulary
    unknownToken = try fields.string("unk_token")
    guard let unknown = vocabulary.id(of: unknownToken) else {
      throw TokenizerError.missingUnknown(unknownToken)
    }
    self.unknown = unknown
  }

  var fields: [String: JSONValue] { ["unk_token": .string(unknownToken)] }

  func tokenize(_ words: Words, into output: inout TokenOutput) {
    words.text.withBytes { bytes in
      for word in words.ranges {
        let id = vocabulary.id(of: UnsafeBufferPointer(rebasing: bytes[word])) ?? unknown
        output.append(id, at: word.lowerBound, of: words.text)
      }
    }
  }
}
