import Foundation
import MotetFormats

extension Tokenizer {
  /// The tokenizer of a model folder: `tokenizer.json`, or else what older folders hold, `tokenizer.model` (SentencePiece),
  /// `vocab.json` and `merges.txt` (GPT-2) or `vocab.txt` (BERT).
  ///
  /// - Throws: ``TokenizerError/noTokenizer(folder:reason:)`` when there is none of them
  public init(folder: URL) throws {
    func file(_ name: String) -> URL? {
      let url = folder.appending(path: name)
      return FileManager.default.fileExists(atPath: url.path) ? url : nil
    }
    if let url = file("tokenizer.json") {
      try self.init(tokenizerJSON: url)
    } else if let vocabulary = file("vocab.json"), let merges = file("merges.txt") {
      try self.init(VocabularyFiles.bytePairs(vocabulary: vocabulary, merges: merges))
    } else if let url = file("tokenizer.model") ?? file("spiece.model") ?? file("sentencepiece.bpe.model") {
      try self.init(sentencePiece: url)
    } else if let url = file("vocab.txt") {
      try self.init(VocabularyFiles.wordPiece(url))
    } else {
      throw TokenizerError.noTokenizer(
        folder: folder.path,
        reason:
          "none of tokenizer.json, tokenizer.model, vocab.json with merges.txt, and vocab.txt is there: put the "
          + "model's tokenizer.json beside its weights")
    }
  }
}

/// Tokenizers whose files hold the vocabulary alone: how they split is known from the model they were made for.
enum VocabularyFiles {
  /// GPT-2's: tokens with ids, and a merge in each line.
  static func bytePairs(vocabulary url: URL, merges mergesURL: URL) throws -> TokenizerParts {
    let (configuration, table) = (
      try TokenizerConfiguration(beside: url), try TokenTable(vocabularyJSON: url)
    )
    let lines = try lines(of: mergesURL).filter { !$0.hasPrefix("#version") && !$0.isEmpty }
    let merges = try lines.enumerated().map { try MergeText($1, index: $0) }
    let added = try configuration?.addedTokens() ?? []
    let model = try Vocabulary(table.tokens)
    var options = BytePairModel.Options()
    options.unknown = nil
    var parts = TokenizerParts(
      vocabulary: try table.vocabulary(with: added, model), modelVocabulary: model,
      model: try BytePairModel(model, learnt: merges, options: options))
    let prefixes = try configuration?.bool("add_prefix_space") ?? false
    parts.splitters = [ByteLevelSplitter(addsPrefixSpace: prefixes, usesPattern: true)]
    parts.decoders = [ByteLevelDecoder()]
    parts.file = url.path
    try finish(&parts, configuration, added: added, named: ["<|endoftext|>"])
    return parts
  }

  /// BERT's: a token in each line, its number the id.
  static func wordPiece(_ url: URL) throws -> TokenizerParts {
    let configuration = try TokenizerConfiguration(beside: url)
    let tokens = try lines(of: url)
    let added = try configuration?.addedTokens() ?? []
    let table = TokenTable(tokens: tokens, file: url.path)
    let model = try Vocabulary(tokens)
    let unknown = try configuration?.token("unk_token") ?? "[UNK]"
    var parts = TokenizerParts(
      vocabulary: try table.vocabulary(with: added, model), modelVocabulary: model,
      model: try WordPieceModel(ModelParts(vocabulary: model), unknown: unknown, prefix: "##"))
    parts.normalizers = [
      BertNormalizer(
        lowercases: try configuration?.bool("do_lower_case") ?? true,
        stripsAccents: try configuration?.bool("strip_accents"))
    ]
    parts.splitters = [BertSplitter()]
    parts.decoders = [WordPieceDecoder(prefix: "##", cleansUp: true)]
    parts.file = url.path
    try finish(&parts, configuration, added: added, named: ["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"])
    let cls = try configuration?.token("cls_token") ?? "[CLS]"
    let sep = try configuration?.token("sep_token") ?? "[SEP]"
    if let first = parts.vocabulary.id(of: cls), let last = parts.vocabulary.id(of: sep) {
      parts.postProcessors = [BertProcessing(cls: (cls, first), sep: (sep, last))]
      (parts.specialTokens.classification, parts.specialTokens.separator) = (first, last)
    }
    return parts
  }

  /// Adds the tokens that the configuration names, or those that such models have when it names none.
  private static func finish(
    _ parts: inout TokenizerParts, _ configuration: TokenizerConfiguration?, added: [AddedToken],
    named: [String]
  ) throws {
    parts.specialTokens = try configuration?.specialTokens(in: parts.vocabulary) ?? SpecialTokens()
    var names = named
    for (_, _, key) in SpecialTokens.names {
      if let token = try configuration?.token(key), !names.contains(token) { names.append(token) }
    }
    let known = Set(added.map(\.id))
    parts.added =
      added
      + names.compactMap { name in
        parts.vocabulary.id(of: name).flatMap { id in
          known.contains(id) ? nil : AddedToken(id: id, content: name, isSpecial: true)
        }
      }
    if let processor = try configuration?.postProcessor(parts.specialTokens) {
      parts.postProcessors = [processor]
    }
  }

  private static func lines(of url: URL) throws -> [String] {
    try readTokenizerFile(url) { bytes in
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw TokenizerError.unreadable(file: url.path, reason: "it is not UTF-8")
      }
      var lines = text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).map { line in
        String(Substring(line.last == 0x0D ? line.dropLast() : line))
      }
      if lines.last == "" { lines.removeLast() }
      return lines
    }
  }
}
