import MotetModels
import MotetTensor

/// What soft prompts and prefixes have in common: how many virtual tokens there are, and what those begin as.
struct VirtualTokens: Sendable, Equatable {
  static let options = [
    MethodOption(
      "virtual-tokens", "N", "Virtual tokens before every sequence (20).",
      isFixedByContinue: true),
    MethodOption(
      "prompt-text", "TEXT",
      "What virtual tokens begin as, cut or repeated to fit (words of the vocabulary).",
      isFixedByContinue: true),
  ]

  var count: Int
  var text: String?

  init(_ settings: MethodSettings) throws {
    count = try settings.integer("virtual-tokens", or: 20, within: 1...65_536)
    text = settings.own["prompt-text"]
    if let text, text.allSatisfy(\.isWhitespace) {
      throw MethodError.option("prompt-text", value: text, expected: "at least one word")
    }
  }

  var settings: [String: String] { ["virtual-tokens": "\(count)", "prompt-text": text ?? "none"] }

  /// - Throws: ``ModelError/virtualTokens(_:context:)`` when no token would be left room
  func check(on base: BaseModel) throws {
    let context = base.configuration.maximumPositions
    guard count < context else { throw ModelError.virtualTokens(count, context: context) }
  }

  /// The tokens of the text, cut or repeated; without one, ordinary tokens of the vocabulary drawn from its first
  /// 5000, which are the most common ones (Lester et al. 2021, arXiv 2104.08691, §3.2).
  func tokens(of base: BaseModel, seed: UInt64) throws -> [Int32] {
    let (tokenizer, vocabulary) = (base.tokenizer, Int32(base.configuration.vocabulary))
    if let text {
      let tokens = tokenizer.encode(text, parsingSpecialTokens: true).filter { $0 < vocabulary }
      guard !tokens.isEmpty else {
        throw MethodError.option("prompt-text", value: text, expected: "a text that has tokens")
      }
      return (0..<count).map { tokens[$0 % tokens.count] }
    }
    let ordinary = (0..<min(Int32(tokenizer.vocabularySize), vocabulary)).lazy.filter {
      !tokenizer.isSpecial($0)
    }.prefix(5000)
    let words = Array(ordinary)
    guard !words.isEmpty else { throw ModelError.emptyPrompt }
    var generator = SeededGenerator(seed: seed, for: "virtual tokens")
    return (0..<count).map { _ in words[Int(generator.next() % UInt64(words.count))] }
  }
}
