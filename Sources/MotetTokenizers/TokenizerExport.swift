import Foundation

extension Tokenizer {
  /// `tokenizer.json` with which Hugging Face `tokenizers` gives the same ids.
  public func tokenizerJSON() throws -> Data {
    let text = { (id: Int32) in tokens[Int(id)] }
    let added = tokens.indices.filter { isAdded[$0] && !tokens[$0].isEmpty }
    let byteLevel = ExportedTokenizer.Step(
      type: "ByteLevel", addPrefixSpace: false, trimOffsets: true, useRegex: true)
    let preTokenizer =
      switch splitting {
      case .gpt2: byteLevel
      case .smollm:
        ExportedTokenizer.Step(
          type: "Sequence",
          pretokenizers: [ExportedTokenizer.Step(type: "Digits", individualDigits: true), byteLevel])
      }
    let exported = ExportedTokenizer(
      addedTokens: added.map {
        ExportedTokenizer.Added(id: $0, content: tokens[$0], special: isSpecial(Int32($0)))
      },
      preTokenizer: preTokenizer, decoder: byteLevel,
      model: ExportedTokenizer.Model(
        vocab: Dictionary(
          tokens.enumerated().filter { !$0.element.isEmpty }.map { ($0.element, $0.offset) },
          uniquingKeysWith: { first, _ in first }),
        merges: merges.pairs.map { [text($0.left), text($0.right)] }))
    return try Self.encoder.encode(exported)
  }

  /// `tokenizer_config.json` and `special_tokens_map.json` to stand beside ``tokenizerJSON()``.
  ///
  /// The class is the general one: `GPT2Tokenizer` would put its own splitting in place of the file's.
  ///
  /// - Parameters:
  ///   - chatTemplate: the Jinja source, nil for none
  ///   - pad: the id of the padding token
  ///   - maximumLength: the model's context in tokens
  public func configurationJSON(
    chatTemplate: String?, pad: Int?, maximumLength: Int
  ) throws -> (configuration: Data, specialTokens: Data) {
    var names: [String: String] = [:]
    for (name, id) in [("bos_token", bos), ("eos_token", eos), ("pad_token", pad.map(Int32.init))] {
      names[name] = id.flatMap(token)
    }
    let configuration = ExportedConfiguration(
      bosToken: names["bos_token"], eosToken: names["eos_token"], padToken: names["pad_token"],
      chatTemplate: chatTemplate, modelMaxLength: maximumLength)
    return (try Self.encoder.encode(configuration), try Self.encoder.encode(names))
  }

  private static var encoder: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return encoder
  }
}

private struct ExportedConfiguration: Encodable {
  let bosToken: String?
  let eosToken: String?
  let padToken: String?
  let chatTemplate: String?
  let modelMaxLength: Int
  let cleanUpTokenizationSpaces = false
  let tokenizerClass = "PreTrainedTokenizerFast"

  enum CodingKeys: String, CodingKey {
    case bosToken = "bos_token"
    case eosToken = "eos_token"
    case padToken = "pad_token"
    case chatTemplate = "chat_template"
    case modelMaxLength = "model_max_length"
    case cleanUpTokenizationSpaces = "clean_up_tokenization_spaces"
    case tokenizerClass = "tokenizer_class"
  }
}

/// `tokenizer.json` as Hugging Face `tokenizers` reads it; members it may lack are left out.
private struct ExportedTokenizer: Encodable {
  struct Added: Encodable {
    let id: Int
    let content: String
    let special: Bool
    let singleWord = false
    let lstrip = false
    let rstrip = false
    let normalized = false

    enum CodingKeys: String, CodingKey {
      case id, content, special, lstrip, rstrip, normalized
      case singleWord = "single_word"
    }
  }

  struct Step: Encodable {
    let type: String
    var pretokenizers: [Step]?
    var individualDigits: Bool?
    var addPrefixSpace: Bool?
    var trimOffsets: Bool?
    var useRegex: Bool?

    enum CodingKeys: String, CodingKey {
      case type, pretokenizers
      case individualDigits = "individual_digits"
      case addPrefixSpace = "add_prefix_space"
      case trimOffsets = "trim_offsets"
      case useRegex = "use_regex"
    }
  }

  struct Model: Encodable {
    let type = "BPE"
    let vocab: [String: Int]
    let merges: [[String]]
    let fuseUnknown = false
    let byteFallback = false
    let ignoreMerges = false

    enum CodingKeys: String, CodingKey {
      case type, vocab, merges
      case fuseUnknown = "fuse_unk"
      case byteFallback = "byte_fallback"
      case ignoreMerges = "ignore_merges"
    }
  }

  let version = "1.0"
  let addedTokens: [Added]
  let preTokenizer: Step
  let decoder: Step
  let model: Model

  enum CodingKeys: String, CodingKey {
    case version, decoder, model
    case addedTokens = "added_tokens"
    case preTokenizer = "pre_tokenizer"
  }
}
