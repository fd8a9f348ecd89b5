import MotetFormats
import MotetTokenizers

/// A prompt as a request gives it: a text, or tokens.
struct PromptInput: Sendable {
  let tokens: [Int32]
  private let written: String?

  init(text: String, tokens: [Int32]) {
    self.tokens = tokens
    written = text
  }

  init(tokens: [Int32]) {
    self.tokens = tokens
    written = nil
  }

  func text(_ tokenizer: Tokenizer) -> String { written ?? tokenizer.decode(tokens) }

  /// A string, a list of strings, a list of tokens, or a list of lists of tokens.
  static func read(
    _ fields: RequestFields, _ name: String, _ encoder: PromptEncoder, most: Int
  ) async throws -> [PromptInput] {
    guard let value = fields[name] else {
      throw fields.failure(name, "is missing: give a string, a list of strings, or tokens")
    }
    let parameter = fields.path(name)
    if let text = value.stringValue {
      return [PromptInput(text: text, tokens: try await encoder.encode(text, parameter: parameter))]
    }
    guard case .array(let elements) = value else {
      throw fields.failure(name, "must be a string, a list of strings, or tokens")
    }
    guard !elements.isEmpty else { throw fields.failure(name, "is an empty list") }
    if elements[0].intValue != nil {
      return [PromptInput(tokens: try ids(value, fields, name, encoder.tokenizer))]
    }
    guard elements.count <= most else {
      throw fields.failure(name, "has \(elements.count) prompts: give at most \(most)")
    }
    // All of them before the first is encoded.
    for (index, element) in elements.enumerated() {
      if let text = element.stringValue {
        try encoder.requireRoom(for: [text], parameter: "\(parameter)[\(index)]")
      }
    }
    var inputs: [PromptInput] = []
    for (index, element) in elements.enumerated() {
      if let text = element.stringValue {
        let tokens = try await encoder.encode(text, parameter: "\(parameter)[\(index)]")
        inputs.append(PromptInput(text: text, tokens: tokens))
      } else {
        inputs.append(
          PromptInput(tokens: try ids(element, fields, "\(name)[\(index)]", encoder.tokenizer)))
      }
    }
    return inputs
  }

  /// Token ids of the vocabulary.
  static func ids(
    _ value: JSONValue, _ fields: RequestFields, _ name: String, _ tokenizer: Tokenizer
  ) throws -> [Int32] {
    guard let numbers = value.intsValue else {
      throw fields.failure(name, "must be a string or a list of tokens")
    }
    let vocabulary = tokenizer.vocabularySize
    if let strange = numbers.first(where: { !(0..<vocabulary).contains($0) }) {
      throw fields.failure(name, "holds \(strange), which is no token: ids are below \(vocabulary)")
    }
    return numbers.map(Int32.init)
  }
}
