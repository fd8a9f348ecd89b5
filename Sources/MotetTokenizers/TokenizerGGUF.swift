import MotetFormats

extension Tokenizer {
  /// The tokenizer in the metadata of a GGUF file: a byte-level BPE (`tokenizer.ggml.model` is `gpt2`) with
  /// one of the splittings of ``Splitting/init(ggufName:)``.
  ///
  /// - Throws: ``TokenizerError/unsupported(file:what:)`` for any other tokenizer;
  ///   ``TokenizerError/unreadable(file:reason:)`` when a part of it is missing.
  public init(gguf file: GGUFFile) throws {
    func value(_ key: String) -> GGUFValue? { file.metadata["tokenizer.ggml.\(key)"] }
    func require<Value>(_ key: String, _ value: Value?) throws -> Value {
      guard let value else {
        throw TokenizerError.unreadable(
          file: file.path, reason: "the metadata tokenizer.ggml.\(key) is missing or of another type")
      }
      return value
    }
    let model = try require("model", value("model")?.string)
    guard model == "gpt2" else {
      throw TokenizerError.unsupported(file: file.path, what: "the tokenizer model '\(model)'")
    }
    let splittingName = try require("pre", value("pre")?.string)
    guard let splitting = Splitting(ggufName: splittingName) else {
      throw TokenizerError.unsupported(file: file.path, what: "the splitting '\(splittingName)'")
    }
    guard value("add_space_prefix")?.bool != true else {
      throw TokenizerError.unsupported(file: file.path, what: "add_space_prefix")
    }
    try self.init(
      tokens: require("tokens", value("tokens")?.strings),
      merges: require("merges", value("merges")?.strings),
      tokenTypes: value("token_type").map { try require("token_type", $0.ints) } ?? [],
      splitting: splitting, bos: value("bos_token_id")?.int, eos: value("eos_token_id")?.int)
  }
}
