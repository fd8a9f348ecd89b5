import Foundation
import MotetFormats

extension Tokenizer {
  /// A tokenizer from a SentencePiece model, `tokenizer.model`, with the ids of its pieces.
  ///
  /// - Throws: ``TokenizerError/unsupported(file:what:)`` for a model of words or characters, and for one whose ids
  ///   `transformers` moves
  public init(sentencePiece url: URL) throws {
    let configuration = try TokenizerConfiguration(beside: url)
    if let name = configuration?.tokenizerClass,
      SentencePieceFile.movedClasses.contains(where: name.hasPrefix)
    {
      throw TokenizerError.unsupported(
        file: url.path,
        what:
          "ids that \(name) moves; write a tokenizer.json with `AutoTokenizer.from_pretrained(…).save_pretrained(…)`"
      )
    }
    try self.init(SentencePieceFile(url).parts(configuration))
  }
}

/// A SentencePiece model: a protocol buffer of pieces and of how text is normalized. Source: SentencePiece's
/// `sentencepiece_model.proto`.
struct SentencePieceFile {
  /// Classes of `transformers` that give pieces other ids than the model does.
  static let movedClasses = [
    "XLMRoberta", "Camembert", "Barthez", "MBart", "NllbTokenizer", "M2M100", "Pegasus", "BigBird",
    "Reformer", "XGLM",
    "Deberta", "SeamlessM4T", "Marian", "FNet", "Rembert", "XLNet", "Speech2Text", "Plbart",
  ]

  private enum ModelType: Int {
    case unigram = 1
    case bytePairs, words, characters
  }

  private let file: String
  private var pieces = SentencePieceParts(tokens: [], types: [], scores: [], addsSpacePrefix: true)
  private var type = ModelType.unigram
  private var specialTokens = (unknown: 0, bos: 1, eos: 2, padding: -1)

  init(_ url: URL) throws {
    let file = url.path
    self = try readTokenizerFile(url) { try SentencePieceFile($0, file: file) }
  }

  private init(_ bytes: UnsafeRawBufferPointer, file: String) throws {
    self.file = file
    pieces.removesExtraSpaces = true
    var reader = ProtocolBufferReader(bytes, file: file)
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (1, .bytes(let piece)): try readPiece(piece)
      case (2, .bytes(let trainer)): try readTrainer(trainer)
      case (3, .bytes(let normalizer)): try readNormalizer(normalizer)
      default: break
      }
    }
  }

  private mutating func readPiece(_ bytes: UnsafeRawBufferPointer) throws {
    guard pieces.tokens.count < Vocabulary.maximumCount else {
      throw TokenizerError.malformedVocabulary(reason: "more than \(Vocabulary.maximumCount) tokens")
    }
    var (token, score, type) = ("", 0.0, 1)
    var reader = ProtocolBufferReader(bytes, file: file)
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (1, .bytes(let text)): token = try reader.string(text)
      case (2, .fixed32(let bits)): score = Double(Float(bitPattern: bits))
      case (3, .number(let number)): type = Int(truncatingIfNeeded: number)
      default: break
      }
    }
    pieces.tokens.append(token)
    pieces.scores.append(score)
    pieces.types.append(GGUFTokenType(rawValue: type) ?? .normal)
  }

  private mutating func readTrainer(_ bytes: UnsafeRawBufferPointer) throws {
    var reader = ProtocolBufferReader(bytes, file: file)
    while let (field, value) = try reader.next() {
      guard case .number(let number) = value else { continue }
      let value = Int(truncatingIfNeeded: Int64(bitPattern: number))
      switch field {
      case 3:
        guard let known = ModelType(rawValue: value), known == .unigram || known == .bytePairs else {
          throw TokenizerError.unsupported(
            file: file, what: "a SentencePiece model of \(value == 3 ? "words" : "characters")")
        }
        type = known
      case 24 where value == 1:
        throw TokenizerError.unsupported(file: file, what: "white space at the end of pieces")
      case 40: specialTokens.unknown = value
      case 41: specialTokens.bos = value
      case 42: specialTokens.eos = value
      case 43: specialTokens.padding = value
      default: break
      }
    }
  }

  private mutating func readNormalizer(_ bytes: UnsafeRawBufferPointer) throws {
    var reader = ProtocolBufferReader(bytes, file: file)
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (2, .bytes(let map)): pieces.charsmap = Data(map)
      case (3, .number(let number)): pieces.addsSpacePrefix = number != 0
      case (4, .number(let number)): pieces.removesExtraSpaces = number != 0
      case (5, .number(0)):
        throw TokenizerError.unsupported(file: file, what: "white space that is not escaped")
      default: break
      }
    }
  }

  func parts(_ configuration: TokenizerConfiguration?) throws -> TokenizerParts {
    let count = pieces.tokens.count
    guard specialTokens.unknown < count else {
      throw TokenizerError.specialTokenOutOfRange(
        name: "unknown", id: specialTokens.unknown, vocabularySize: count)
    }
    let unknown = specialTokens.unknown >= 0 ? specialTokens.unknown : nil
    var parts =
      type == .bytePairs ? try pieces.bytePairs(unknown: unknown) : try pieces.unigram(unknown: unknown)
    parts.file = file
    let own = Set(parts.added.map(\.id))
    let added = try configuration?.addedTokens().filter { !own.contains($0.id) } ?? []
    parts.vocabulary = try TokenTable(tokens: pieces.tokens, file: file).vocabulary(
      with: added, parts.vocabulary)
    parts.added += added
    func id(_ id: Int) -> Int32? { (0..<count).contains(id) ? Int32(id) : nil }
    var tokens = try configuration?.specialTokens(in: parts.vocabulary) ?? SpecialTokens()
    tokens.bos = tokens.bos ?? id(specialTokens.bos)
    tokens.eos = tokens.eos ?? id(specialTokens.eos)
    tokens.unknown = tokens.unknown ?? id(specialTokens.unknown)
    tokens.padding = tokens.padding ?? id(specialTokens.padding)
    parts.specialTokens = tokens
    if let processor = try configuration?.postProcessor(tokens) {
      parts.postProcessors = [processor]
    } else if type == .bytePairs, let bos = tokens.bos {
      // Llama's rule, whose class is the one that such models are read by.
      parts.postProcessors = [TemplateProcessing(beginning: (parts.vocabulary[Int(bos)], bos), end: nil)]
    } else if type == .unigram, let eos = tokens.eos {
      parts.postProcessors = [TemplateProcessing(beginning: nil, end: (parts.vocabulary[Int(eos)], eos))]
    }
    return parts
  }
}
