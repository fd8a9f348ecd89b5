import Foundation
import MotetFormats

extension ModelDescription {
  /// A `config.json` that transformers (4 and 5) loads: that of the model's own folder, with what differs in the weights
  /// beside it.
  /// - Parameters:
  ///   - type: what the weights beside it are stored in; nil leaves that to the reader
  ///   - isNF4: whether the linear layers beside it are in NF4
  public func huggingFaceJSON(type: ElementType? = nil, isNF4: Bool = false) -> Data {
    var members = members
    members["tie_word_embeddings"] = .bool(configuration.tieWordEmbeddings)
    members["quantization_config"] = isNF4 ? StoredNF4.configuration : nil
    let names: [ElementType: String] = [.f32: "float32", .f16: "float16", .bf16: "bfloat16"]
    if let name = type.flatMap({ names[$0] }) {
      members["dtype"] = .string(name)
      members["torch_dtype"] = .string(name)
    }
    // transformers 4 reads the rotation at the top.
    if case .object(var rotation)? = members["rope_parameters"], let theta = rotation["rope_theta"] {
      members["rope_theta"] = members["rope_theta"] ?? theta
      rotation["rope_theta"] = nil
      let isPlain = rotation["rope_type"]?.stringValue ?? "default" == "default"
      members["rope_scaling"] = members["rope_scaling"] ?? (isPlain ? .null : .object(rotation))
    }
    return Data((JSONValue.object(members).text(indent: 2) + "\n").utf8)
  }
}

extension ModelConfiguration {
  /// A `generation_config.json`: the tokens that begin, end and pad.
  public func generationJSON() -> Data {
    let members: [String: JSONValue] = [
      "bos_token_id": bosToken.map { .int($0) } ?? .null, "eos_token_id": JSONValue.tokens(eosTokens),
      "pad_token_id": padToken.map { .int($0) } ?? .null,
    ]
    return Data((JSONValue.object(members).text(indent: 2) + "\n").utf8)
  }
}
