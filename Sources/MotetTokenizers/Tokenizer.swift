/// Turns text into token ids and back.
///
///     let tokenizer = try Tokenizer(tokenizerJSON: URL(filePath: "SmolLM2/tokenizer.json"))
///     tokenizer.encode("Hello world")            // [19556, 905]
///     tokenizer.decode([19556, 905])             // "Hello world"
///
/// A tokenizer is a chain of small steps, each read from `tokenizer.json` or from the metadata of a GGUF file: added
/// tokens are found in the text, normalizers rewrite what lies between, splitters cut it into words, the model turns words
/// into tokens, a post-processor puts special tokens around them, and decoders turn tokens into text. The ids equal those
/// of Hugging Face `tokenizers`.
public struct Tokenizer: Sendable {
  /// The tokens that the model names for a purpose.
  public let specialTokens: SpecialTokens
  /// The scanner that cuts the text into words; nil when the steps of the file do.
  public let splitting: Splitting?

  let vocabulary: Vocabulary
  let modelVocabulary: Vocabulary
  let added: AddedTokens
  let normalizers: [any Normalizer]
  let splitters: [any Splitter]
  let model: any TokenModel
  let postProcessors: [any PostProcessor]
  let layout: TextLayout
  let decoding: DecodingChain
  /// The model where ``splitting`` is not nil.
  let scannedModel: BytePairModel?
  /// Whether the token of an id is a special one.
  private let special: [Bool]
  /// Whether decoding may leave the token of an id out.
  private let skipped: [Bool]
  /// What tokens add to the middle of a text, end to end, and where each token's bytes start.
  private let insides: [UInt8]
  private let insideOffsets: [Int]
  /// See ``fewestTokens(in:)``; 0 when nothing can be said.
  let mostBytesInToken: Int

  init(_ parts: TokenizerParts) throws {
    vocabulary = parts.vocabulary
    modelVocabulary = parts.modelVocabulary
    normalizers = parts.normalizers
    splitters = parts.splitters
    model = parts.model
    postProcessors = parts.postProcessors
    decoding = DecodingChain(parts.decoders)
    added = AddedTokens(
      parts.added, normalizers: parts.normalizers, decodesVerbatim: parts.decodesAddedVerbatim)
    layout = try TextLayout(parts.postProcessors, file: parts.file)
    specialTokens = parts.specialTokens
    let count = parts.vocabulary.count
    for (path, name, _) in SpecialTokens.names {
      if let id = specialTokens[keyPath: path] { try Self.check(id, name: name, count: count) }
    }
    for id in layout.ids { try Self.check(id, name: "added", count: count) }

    var special = [Bool](repeating: false, count: count)
    for token in parts.added where token.isSpecial { special[Int(token.id)] = true }
    self.special = special
    let forms = added.decodedForms
    skipped = special.indices.map { special[$0] && (forms[Int32($0)] == nil || parts.decodesAddedVerbatim) }
    var insides: [UInt8] = []
    var offsets = [0]
    offsets.reserveCapacity(count + 1)
    for id in 0..<count {
      let form = forms[Int32(id)] ?? Array(vocabulary.utf8(id))
      if !form.isEmpty { insides.append(contentsOf: decoding.inside(form)) }
      offsets.append(insides.count)
    }
    self.insides = insides
    insideOffsets = offsets
    (splitting, scannedModel) = Self.scanner(parts)
    mostBytesInToken = Self.mostBytesInToken(parts) { id in
      special[Int(id)] ? 0 : offsets[Int(id) + 1] - offsets[Int(id)]
    }
  }

  private static func check(_ id: Int32, name: String, count: Int) throws {
    guard id >= 0, Int(id) < count else {
      throw TokenizerError.specialTokenOutOfRange(name: name, id: Int(id), vocabularySize: count)
    }
  }

  /// The beginning-of-text token's id, if the model names one.
  public var bos: Int32? { specialTokens.bos }

  /// The end-of-text (in a chat model: end-of-turn) token's id, if the model names one.
  public var eos: Int32? { specialTokens.eos }

  /// The number of ids, those without a token included.
  public var vocabularySize: Int { vocabulary.count }

  /// The id of a token written as in the vocabulary (in byte-level ones a space is `Ġ`).
  public func id(of token: String) -> Int32? { vocabulary.id(of: token) }

  /// The token of an id, written as in the vocabulary (in byte-level ones a space is `Ġ`).
  public func token(_ id: Int32) -> String? {
    let token = vocabulary.utf8(Int(id))
    return token.isEmpty ? nil : String(decoding: token, as: UTF8.self)
  }

  /// Whether the id is that of a special ("control") token.
  public func isSpecial(_ id: Int32) -> Bool { special.indices.contains(Int(id)) && special[Int(id)] }

  /// Whether decoding leaves the token of an id out on request.
  func isSkipped(_ id: Int32) -> Bool { skipped.indices.contains(Int(id)) && skipped[Int(id)] }

  /// The bytes a token adds to the middle of a text, at neither end of it; none for an id outside the vocabulary.
  package func bytes(of id: Int32) -> ArraySlice<UInt8> {
    guard id >= 0, Int(id) < vocabulary.count else { return [] }
    return insides[insideOffsets[Int(id)]..<insideOffsets[Int(id) + 1]]
  }

  /// What the decoder gets for an id; nil for one without a token.
  func decodedForm(of id: Int32) -> [UInt8]? {
    if let form = added.decodedForms[id] { return form }
    let token = vocabulary.utf8(Int(id))
    return token.isEmpty ? nil : Array(token)
  }

  // MARK: - Shortcuts

  /// The scanner that does what the splitters do, if there is one, and the model over bytes it scans for.
  private static func scanner(_ parts: TokenizerParts) -> (Splitting?, BytePairModel?) {
    guard parts.normalizers.isEmpty, !parts.added.contains(where: \.isNormalized),
      let model = parts.model as? BytePairModel, model.takesPlainBytes,
      let last = parts.splitters.last as? ByteLevelSplitter, last.usesPattern, !last.addsPrefixSpace
    else { return (nil, nil) }
    if parts.splitters.count == 1 { return (.gpt2, model) }
    if parts.splitters.count == 2, let digits = parts.splitters[0] as? Digits, digits.individually {
      return (.smollm, model)
    }
    return (nil, nil)
  }

  /// How many bytes of a text one token stands for at the most; 0 when steps may leave any amount of text out.
  private static func mostBytesInToken(_ parts: TokenizerParts, _ length: (Int32) -> Int) -> Int {
    var factor = 1
    for step in parts.normalizers {
      switch step {
      case is NFC, is NFD: factor = max(factor, 3)  // a Hangul syllable has 3 bytes, its parts 9
      case is Prepend, is ByteLevelNormalizer: break
      case let step as ReplaceNormalizer where step.pattern.literal?.count == 1 && !step.content.isEmpty:
        break
      default: return 0
      }
    }
    for step in parts.splitters {
      switch step {
      case is ByteLevelSplitter, is Digits, is MetaspaceSplitter, is FixedLength: break
      case let step as PatternSplitter where step.behavior != .removed: break
      case let step as Punctuation where step.behavior != .removed: break
      default: return 0
      }
    }
    if parts.added.contains(where: { $0.stripsLeft || $0.stripsRight }) { return 0 }
    let overBytes = parts.splitters.last is ByteLevelSplitter
    let most = parts.model.mostBytesInToken(overBytes: overBytes, length)
    return most > Int(Int32.max) ? 0 : max(most * factor, 1)
  }
}
