import MotetFormats
import MotetTokenizers
extension Tokenizer {
  init(gguf: GGUFFile) throws {
    let m = gguf.metadata
    try self.init(
      tokens: m["tokenizer.ggml.tokens"]?.strings ?? [], merges: m["tokenizer.ggml.merges"]?.strings ?? [],
      tokenTypes: m["tokenizer.ggml.token_type"]?.ints ?? [], splitting: .smollm,
      bos: m["tokenizer.ggml.bos_token_id"]?.int, eos: m["tokenizer.ggml.eos_token_id"]?.int)
  }
}
extension ChatTemplate {
  init(gguf: GGUFFile) throws {
    self.init(defaultSystemPrompt: "You are a helpful AI assistant named SmolLM, trained by Hugging Face")
  }
}
