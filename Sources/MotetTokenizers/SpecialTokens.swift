/// The tokens that a model names for a purpose.
public struct SpecialTokens: Sendable, Equatable {
  /// Begins a text.
  public var bos: Int32?
  /// Ends a text, in a chat model an answer.
  public var eos: Int32?
  /// Stands for what the vocabulary lacks.
  public var unknown: Int32?
  /// Fills up shorter texts of a batch.
  public var padding: Int32?
  /// Begins a text that an encoder classifies.
  public var classification: Int32?
  /// Stands between two texts and after the last.
  public var separator: Int32?
  /// Stands for a token that an encoder is to guess.
  public var mask: Int32?

  public init(bos: Int32? = nil, eos: Int32? = nil) {
    self.bos = bos
    self.eos = eos
  }

  /// The tokens with what each is called, and the member of `tokenizer_config.json` that names it.
  static let names: [(path: WritableKeyPath<SpecialTokens, Int32?> & Sendable, name: String, key: String)] = [
    (\.bos, "beginning-of-text", "bos_token"), (\.eos, "end-of-text", "eos_token"),
    (\.unknown, "unknown", "unk_token"), (\.padding, "padding", "pad_token"),
    (\.classification, "classification", "cls_token"), (\.separator, "separator", "sep_token"),
    (\.mask, "mask", "mask_token"),
  ]
}
