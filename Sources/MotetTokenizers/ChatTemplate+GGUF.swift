import MotetFormats

extension ChatTemplate {
  /// The chat template in the metadata of a GGUF file.
  ///
  /// - Throws: ``TokenizerError/unsupportedTemplate(reason:)`` when there is none or it is not ChatML.
  public init(gguf file: GGUFFile) throws {
    guard let source = file.metadata["tokenizer.chat_template"]?.string else {
      throw TokenizerError.unsupportedTemplate(
        reason: "\(file.path) holds none in its metadata tokenizer.chat_template")
    }
    try self.init(jinja: source)
  }
}
