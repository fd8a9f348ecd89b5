import Foundation
import MotetFormats

extension Tokenizer {
  /// A tokenizer from a Hugging Face `tokenizer.json`.
  ///
  /// Truncation and padding are not applied. The tokens named for a purpose, and whether those of the beginning and the
  /// end are added, are read from a `tokenizer_config.json` beside the file, if there is one, as `transformers` reads it.
  ///
  /// - Throws: ``TokenizerError/unsupported(file:what:)`` naming the kind that is not known;
  ///   ``TokenizerError/unreadable(file:reason:)`` and others for a file that is malformed.
  public init(tokenizerJSON url: URL) throws {
    let contents = try readTokenizerFile(url) { try TokenizerJSON($0, file: url.path) }
    try self.init(contents.parts(TokenizerConfiguration(beside: url)))
  }
}

/// `tokenizer.json` as Hugging Face `tokenizers` writes it.
struct TokenizerJSON {
  /// The vocabulary in the order of the file: with ids, or with scores in the order of the ids.
  private enum Entries {
    case ids([(token: String, id: Int)])
    case scores([(token: String, score: Double)])
  }

  private let file: String
  private var members: [String: JSONValue] = [:]
  private var model: [String: JSONValue] = [:]
  private var entries: Entries?
  private var merges: [MergeText]?

  init(_ bytes: UnsafeRawBufferPointer, file: String) throws {
    self.file = file
    var reader = JSONReader(bytes, file: file)
    var hasModel = false
    var (members, model): ([String: JSONValue], [String: JSONValue]) = ([:], [:])
    var (entries, merges): (Entries?, [MergeText]?)
    try reader.object { reader, name in
      guard name == "model", try reader.peek() == UInt8(ascii: "{") else {
        members[name] = try reader.value()
        return
      }
      hasModel = true
      try reader.object { reader, name in
        switch name {
        case "vocab": entries = try Self.entries(&reader)
        case "merges": merges = try Self.merges(&reader)
        default: model[name] = try reader.value()
        }
      }
    }
    try reader.end()
    guard hasModel else { throw TokenizerError.unreadable(file: file, reason: "'model' is missing") }
    (self.members, self.model, self.entries, self.merges) = (members, model, entries, merges)
  }

  private static func entries(_ reader: inout JSONReader) throws -> Entries {
    if try reader.peek() == UInt8(ascii: "[") {
      var scores: [(String, Double)] = []
      try reader.array { reader in
        var parts: [JSONValue] = []
        try reader.array { parts.append(try $0.value()) }
        guard parts.count == 2, let token = parts[0].stringValue, let score = parts[1].doubleValue else {
          throw reader.failure("a token and its score were expected in model.vocab")
        }
        scores.append((token, score))
      }
      return .scores(scores)
    }
    return .ids(try TokenTable.entries(&reader))
  }

  /// `"a b"` or, in newer files, `["a", "b"]`.
  private static func merges(_ reader: inout JSONReader) throws -> [MergeText]? {
    if try reader.peek() == UInt8(ascii: "n") {
      _ = try reader.value()
      return nil
    }
    var merges: [MergeText] = []
    try reader.array { reader in
      if try reader.peek() == UInt8(ascii: "\"") {
        return merges.append(try MergeText(reader.string(), index: merges.count))
      }
      var parts: [String] = []
      try reader.array { parts.append(try $0.string()) }
      guard parts.count == 2 else {
        throw TokenizerError.malformedMerge(
          parts.joined(separator: " "), index: merges.count, reason: "two tokens are expected")
      }
      merges.append(MergeText(parts[0], parts[1]))
    }
    return merges
  }

  // MARK: - Parts

  func parts(_ configuration: TokenizerConfiguration?) throws -> TokenizerParts {
    let fields = StepFields(members, file: file)
    guard let entries else {
      throw TokenizerError.unreadable(file: file, reason: "'vocab' is missing at model")
    }
    var added =
      fields.present("added_tokens") == nil ? [] : try fields.list("added_tokens").map { try AddedToken($0) }
    added.removeAll { $0.content.isEmpty }
    let known = Set(added.map(\.id))
    added += try configuration?.addedTokens().filter { !known.contains($0.id) } ?? []
    let table: TokenTable
    var scores: [Double] = []
    switch entries {
    case .ids(let ids): table = try TokenTable(ids, spare: added.count, file: file)
    case .scores(let list):
      table = TokenTable(tokens: list.map(\.token), file: file)
      scores = list.map(\.score)
    }
    let modelVocabulary = try Vocabulary(table.tokens)
    let vocabulary = try table.vocabulary(with: added, modelVocabulary)
    var specialTokens = try configuration?.specialTokens(in: vocabulary) ?? SpecialTokens()
    let model = try model(modelVocabulary, scores)
    if specialTokens.unknown == nil {
      specialTokens.unknown = try StepFields(self.model).optionalString("unk_token").flatMap {
        vocabulary.id(of: $0)
      }
    }
    let normalizers: [any Normalizer] = try steps("normalizer", normalizerKinds)
    try checkGrowth(normalizers)
    var postProcessors: [any PostProcessor] = try steps("post_processor", postProcessorKinds)
    if let own = try configuration?.postProcessor(specialTokens) { postProcessors = [own] }
    return TokenizerParts(
      vocabulary: vocabulary, modelVocabulary: modelVocabulary, added: added,
      normalizers: normalizers,
      splitters: try steps("pre_tokenizer", splitterKinds), model: model, postProcessors: postProcessors,
      decoders: try steps("decoder", decoderKinds), specialTokens: specialTokens, file: file)
  }

  private func steps<Step>(_ name: String, _ kinds: StepKinds<Step>) throws -> [Step] {
    let fields = StepFields(members, file: file)
    return fields.present(name) == nil ? [] : try kinds.read(fields.object(name))
  }

  /// Refuses normalizers that make a text many times as long, as a chain that doubles every letter does.
  private func checkGrowth(_ normalizers: [any Normalizer]) throws {
    var text = AlignedText((0x20..<0x7F).map { UInt8($0) } + "\n\t éßﬁ中▁".utf8)
    let most = 100 * (text.count + 1024)
    for normalizer in normalizers {
      text = normalizer.normalize(text)
      guard text.count <= most else {
        throw TokenizerError.unsupported(
          file: file, what: "normalizers that make a text over 100 times as long")
      }
    }
  }

  private func model(_ vocabulary: Vocabulary, _ scores: [Double]) throws -> any TokenModel {
    let fields = StepFields(model, path: "model", file: file)
    let type = try fields.optionalString("type") ?? guessedType
    guard let kind = modelKinds.first(where: { $0.type == type }) else {
      let known = modelKinds.map { $0.type }.joined(separator: ", ")
      throw TokenizerError.unsupported(file: file, what: "the model type '\(type)' (known are \(known))")
    }
    guard (type == UnigramModel.type) == !scores.isEmpty else {
      throw TokenizerError.unreadable(
        file: file,
        reason: "'model.vocab' is not \(scores.isEmpty ? "a list of tokens with scores" : "an object")")
    }
    return try kind.init(fields, ModelParts(vocabulary: vocabulary, merges: merges, scores: scores))
  }

  /// Older files do not name the type.
  private var guessedType: String {
    if merges != nil { return BytePairModel.type }
    if case .scores = entries { return UnigramModel.type }
    return model["continuing_subword_prefix"] != nil ? WordPieceModel.type : WordLevelModel.type
  }
}
