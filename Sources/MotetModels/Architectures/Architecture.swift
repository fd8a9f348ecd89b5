import MotetFormats

/// A family of models: the one place that knows its names, its configuration and what it is made of.
///
/// A new family is one file with one of these, and a line in ``Architectures``.
package protocol Architecture: Sendable {
  /// What records of adapters and messages call it: `llama`.
  static var name: String { get }
  /// The `model_type`s of `config.json` that mean it.
  static var modelTypes: [String] { get }
  /// The `general.architecture`s of GGUF files that mean it.
  static var ggufNames: [String] { get }
  /// What stands before the names of all modules but the head's: `model.`. Folders of a model without its head leave it out.
  static var root: String { get }
  /// GGUF's names of tables and, below `blk.3.`, of a layer's modules, by the family's.
  static var ggufModules: [String: String] { get }

  /// What a model of this family is made of.
  /// - Parameter fields: of `config.json`
  /// - Throws: `FormatError` that names the member, for one that is impossible or asks for what is not computed
  static func model(_ fields: ConfigurationFields) throws -> ModelDescription
  /// A GGUF file's metadata as a `config.json`.
  /// - Throws: `FormatError` that names the key
  static func members(_ keys: GGUFKeys) throws -> [String: JSONValue]
  /// How a GGUF file's values differ from Hugging Face's.
  static func ggufForm(of tensor: TensorSpec, in model: ModelDescription) -> GGUFForm
}

/// How the values of a tensor in a GGUF file differ from those in Hugging Face's layout.
package struct GGUFForm: Sendable, Equatable {
  /// Rows of each head stand in rotated pairs: llama.cpp reorders those of Llama's queries and keys.
  package var pairedHeads: Int?
  /// What the file's values are larger by: it stores 1 + w of Gemma's norms.
  package var offset: Float = 0

  package init(pairedHeads: Int? = nil, offset: Float = 0) {
    self.pairedHeads = pairedHeads
    self.offset = offset
  }
}

extension Architecture {
  package static var root: String { "model." }

  package static var ggufModules: [String: String] {
    [
      "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
      "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
      "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
      "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
      "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
      "mlp.down_proj": "ffn_down",
    ]
  }

  package static func ggufForm(of tensor: TensorSpec, in model: ModelDescription) -> GGUFForm { GGUFForm() }

  /// The name of a tensor in a GGUF file; nil for one that has none there.
  static func ggufName(of tensor: TensorSpec) -> String? {
    let suffix = tensor.name.dropFirst(tensor.module.count)
    guard let layer = tensor.layer else { return ggufModules[tensor.module].map { $0 + suffix } }
    // `self_attn.q_proj` of `model.layers.3.self_attn.q_proj`
    guard let number = tensor.module.range(of: ".\(layer).") else { return nil }
    return ggufModules[String(tensor.module[number.upperBound...])].map { "blk.\(layer).\($0)\(suffix)" }
  }
}
