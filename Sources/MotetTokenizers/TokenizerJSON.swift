import Foundation

extension Tokenizer {
  /// A tokenizer from a Hugging Face `tokenizer.json`.
  ///
  /// Read are BPE models over the byte-level alphabet without a normalizer, split by `ByteLevel` alone
  /// (``Splitting/gpt2``) or by `Digits` and `ByteLevel` (``Splitting/smollm``). Truncation, padding and the
  /// post-processor are not applied: ``encode(_:parsingSpecialTokens:)`` adds no tokens of its own. The
  /// beginning- and end-of-text tokens are those of a `tokenizer_config.json` beside the file, if there is
  /// one.
  ///
  /// - Throws: ``TokenizerError/unsupported(file:what:)`` naming what else the file asks for;
  ///   ``TokenizerError/unreadable(file:reason:)``.
  public init(tokenizerJSON url: URL) throws {
    let file = url.path
    let contents: TokenizerJSON = try readJSON(url)
    let model = contents.model
    let splitting = try contents.splitting(file: file)
    try contents.refuseUnsupported(file: file)

    let added = contents.addedTokens ?? []
    let ids = model.vocab.values + added.map(\.id)
    let limit = 2 * (ids.count + 1024)
    guard let last = ids.max(), last < limit, ids.allSatisfy({ $0 >= 0 }) else {
      throw TokenizerError.malformedVocabulary(reason: "the token ids in \(file) do not count up from 0")
    }
    var tokens = Array(repeating: "", count: last + 1)
    var types = Array(repeating: 1, count: last + 1)
    for (token, id) in model.vocab {
      guard tokens[id].isEmpty else {
        throw TokenizerError.malformedVocabulary(
          reason: "'\(tokens[id])' and '\(token)' in \(file) have the same id, \(id)")
      }
      tokens[id] = token
    }
    for token in added {
      guard tokens[token.id].isEmpty || tokens[token.id] == token.content else {
        throw TokenizerError.malformedVocabulary(
          reason: "'\(tokens[token.id])' and '\(token.content)' in \(file) have the same id, \(token.id)")
      }
      tokens[token.id] = token.content
      types[token.id] = token.special ? 3 : 4
    }
    let configuration = try TokenizerConfiguration(beside: url)
    func id(_ token: String?) -> Int? { token.flatMap { token in tokens.firstIndex(of: token) } }
    try self.init(
      tokens: tokens, merges: model.merges.map(\.text), tokenTypes: types, splitting: splitting,
      bos: id(configuration?.bosToken?.content), eos: id(configuration?.eosToken?.content))
  }
}

/// The parts of `tokenizer_config.json` that are used here.
struct TokenizerConfiguration: Decodable {
  /// A token written as a string or as `{"content": …}`.
  struct Token: Decodable {
    let content: String

    private enum CodingKeys: String, CodingKey { case content }

    init(from decoder: any Decoder) throws {
      content =
        try (try? decoder.singleValueContainer().decode(String.self))
        ?? decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .content)
    }
  }

  var bosToken: Token?
  var eosToken: Token?

  private enum CodingKeys: String, CodingKey {
    case bosToken = "bos_token"
    case eosToken = "eos_token"
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    bosToken = try container.decodeIfPresent(Token.self, forKey: .bosToken)
    eosToken = try container.decodeIfPresent(Token.self, forKey: .eosToken)
  }

  /// The configuration in the folder of `file`; nil when there is none.
  init?(beside file: URL) throws {
    let url = file.deletingLastPathComponent().appending(path: "tokenizer_config.json")
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    self = try readJSON(url)
  }
}

/// `tokenizer.json` as Hugging Face `tokenizers` writes it.
private struct TokenizerJSON: Decodable {
  struct Model: Decodable {
    let type: String?
    let vocab: [String: Int]
    let merges: [Merge]
    let dropout: Double?
    let unkToken: String?
    let continuingSubwordPrefix: String?
    let endOfWordSuffix: String?
    let byteFallback: Bool?
    let ignoreMerges: Bool?

    enum CodingKeys: String, CodingKey {
      case type, vocab, merges, dropout
      case unkToken = "unk_token"
      case continuingSubwordPrefix = "continuing_subword_prefix"
      case endOfWordSuffix = "end_of_word_suffix"
      case byteFallback = "byte_fallback"
      case ignoreMerges = "ignore_merges"
    }
  }

  /// `"a b"` or, in newer files, `["a", "b"]`.
  struct Merge: Decodable {
    let text: String

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      text =
        try (try? container.decode(String.self)) ?? container.decode([String].self).joined(separator: " ")
    }
  }

  /// A normalizer, pre-tokenizer or decoder: its type and those options of it that matter here.
  struct Step: Decodable {
    let type: String
    let steps: [Step]?
    let individualDigits: Bool?
    let addPrefixSpace: Bool?
    let useRegex: Bool?

    enum CodingKeys: String, CodingKey {
      case type
      case steps = "pretokenizers"
      case individualDigits = "individual_digits"
      case addPrefixSpace = "add_prefix_space"
      case useRegex = "use_regex"
    }

    /// The step with its options, or the steps it is a sequence of.
    var name: String {
      if let steps { return steps.map(\.name).joined(separator: " + ") }
      var options: [String] = []
      if let individualDigits { options.append("individual_digits: \(individualDigits)") }
      if let addPrefixSpace { options.append("add_prefix_space: \(addPrefixSpace)") }
      if let useRegex { options.append("use_regex: \(useRegex)") }
      return options.isEmpty ? type : "\(type)(\(options.joined(separator: ", ")))"
    }

    var isPlainByteLevel: Bool { type == "ByteLevel" && addPrefixSpace == false && useRegex ?? true }
  }

  struct AddedToken: Decodable {
    let id: Int
    let content: String
    let special: Bool
    let singleWord: Bool?
    let leftStrip: Bool?
    let rightStrip: Bool?

    enum CodingKeys: String, CodingKey {
      case id, content, special
      case singleWord = "single_word"
      case leftStrip = "lstrip"
      case rightStrip = "rstrip"
    }
  }

  let model: Model
  let normalizer: Step?
  let preTokenizer: Step?
  let decoder: Step?
  let addedTokens: [AddedToken]?

  enum CodingKeys: String, CodingKey {
    case model, normalizer, decoder
    case preTokenizer = "pre_tokenizer"
    case addedTokens = "added_tokens"
  }

  func splitting(file: String) throws -> Splitting {
    guard let preTokenizer else {
      throw TokenizerError.unsupported(file: file, what: "no pre-tokenizer")
    }
    let steps = preTokenizer.type == "Sequence" ? preTokenizer.steps ?? [] : [preTokenizer]
    if steps.last?.isPlainByteLevel == true {
      if steps.count == 1 { return .gpt2 }
      if steps.count == 2, steps[0].type == "Digits", steps[0].individualDigits == true { return .smollm }
    }
    throw TokenizerError.unsupported(file: file, what: "the pre-tokenizer \(preTokenizer.name)")
  }

  func refuseUnsupported(file: String) throws {
    func refuse(_ what: String, if condition: Bool) throws {
      if condition { throw TokenizerError.unsupported(file: file, what: what) }
    }
    try refuse("the model type \(model.type ?? "")", if: model.type ?? "BPE" != "BPE")
    try refuse("the normalizer \(normalizer?.name ?? "")", if: normalizer != nil)
    try refuse("the decoder \(decoder?.name ?? "none")", if: decoder?.type != "ByteLevel")
    try refuse("BPE dropout", if: model.dropout ?? 0 != 0)
    try refuse(
      "continuing_subword_prefix '\(model.continuingSubwordPrefix ?? "")'",
      if: !(model.continuingSubwordPrefix ?? "").isEmpty)
    try refuse(
      "end_of_word_suffix '\(model.endOfWordSuffix ?? "")'", if: !(model.endOfWordSuffix ?? "").isEmpty)
    try refuse("byte_fallback", if: model.byteFallback ?? false)
    try refuse("ignore_merges", if: model.ignoreMerges ?? false)
    // An unknown token matters only where a byte has none of its own.
    try refuse(
      "unk_token '\(model.unkToken ?? "")' with a vocabulary that lacks bytes",
      if: model.unkToken != nil && ByteAlphabet.scalars.contains { model.vocab[String($0)] == nil })
    for token in addedTokens ?? [] {
      try refuse("single_word for the token '\(token.content)'", if: token.singleWord ?? false)
      try refuse("lstrip for the token '\(token.content)'", if: token.leftStrip ?? false)
      try refuse("rstrip for the token '\(token.content)'", if: token.rightStrip ?? false)
    }
  }
}
