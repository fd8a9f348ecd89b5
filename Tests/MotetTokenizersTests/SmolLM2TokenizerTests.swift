import Foundation
import MotetFormats
import MotetTokenizers
import Testing

/// The tokenizer of the real model, where that is installed.
@Suite(.enabled(if: FileManager.default.fileExists(atPath: TokenizerFixtures.model.path)))
struct SmolLM2TokenizerTests {
  @Test func encodesAndDecodesAsHuggingFaceDoes() throws {
    let tokenizer = try Tokenizer(gguf: GGUFFile(contentsOf: TokenizerFixtures.model))
    #expect(tokenizer.splitting == .smollm)
    #expect(tokenizer.vocabularySize == 49152)
    #expect(tokenizer.bos == 1)
    #expect(tokenizer.eos == 2)
    try checkLines("tokenizer-smollm2-lines.json", with: tokenizer)
    try checkDecodings("tokenizer-smollm2-decodings.json", with: tokenizer)
  }

  @Test func conversationsBecomeTheTokensAndLabelsOfTransformers() throws {
    let file = try GGUFFile(contentsOf: TokenizerFixtures.model)
    try checkConversations("tokenizer-smollm2-chat.json", with: Tokenizer(gguf: file))
    let prompt = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
    let template = try ChatTemplate(gguf: file)
    #expect(template.specialTokens["eos_token"] == "<|im_end|>")
    #expect(
      try template.text([ChatMessage(role: "user", content: "Hi")], addGenerationPrompt: false).contains(
        prompt))
  }
}
