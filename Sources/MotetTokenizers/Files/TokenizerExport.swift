import Foundation
import MotetFormats

extension Tokenizer {
  /// `tokenizer.json` with which Hugging Face `tokenizers` gives the same ids.
  ///
  /// Merges of equal rank, which only SentencePiece models have, are written in the order of the ids they make.
  public func tokenizerJSON() throws -> Data {
    var modelMembers = model.fields.sorted { $0.key < $1.key }.map {
      JSONTree.Member(name: $0.key, value: .leaf($0.value))
    }
    modelMembers.insert(
      JSONTree.Member(name: "type", value: .leaf(.string(Swift.type(of: model).type))), at: 0)
    modelMembers += model.vocabularyMembers(of: modelVocabulary)
    func member(_ name: String, _ value: JSONValue) -> JSONTree.Member {
      JSONTree.Member(name: name, value: .leaf(value))
    }
    let tree = JSONTree.object([
      member("version", .string("1.0")), member("truncation", .null), member("padding", .null),
      member("added_tokens", .array(added.tokens.sorted { $0.id < $1.id }.map(\.json))),
      member("normalizer", normalizerKinds.json(normalizers)),
      member("pre_tokenizer", splitterKinds.json(splitters)),
      member("post_processor", postProcessorKinds.json(postProcessors)),
      member("decoder", decoderKinds.json(decoding.steps)),
      JSONTree.Member(name: "model", value: .object(modelMembers)),
    ])
    return Data(tree.text.utf8)
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
    var tokens = specialTokens
    if let pad { tokens.padding = Int32(exactly: pad) }
    var names: [String: JSONValue] = [:]
    for (path, _, key) in SpecialTokens.names {
      if let token = tokens[keyPath: path].flatMap(token) { names[key] = .string(token) }
    }
    var configuration = names
    configuration["chat_template"] = chatTemplate.map { .string($0) }
    configuration["model_max_length"] = .int(maximumLength)
    configuration["clean_up_tokenization_spaces"] = .bool(false)
    configuration["tokenizer_class"] = .string("PreTrainedTokenizerFast")
    func data(_ members: [String: JSONValue]) -> Data {
      Data((JSONValue.object(members).text(indent: 2) + "\n").utf8)
    }
    return (data(configuration), data(names))
  }
}
