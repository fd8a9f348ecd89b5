import MotetTokenizers
import Testing

@Suite struct BuiltInTemplateTests {
  private static let tokens = ["bos_token": "<s>", "eos_token": "</s>"]
  private static let chat = [
    ChatMessage(role: "system", content: "S"), ChatMessage(role: "user", content: "Q"),
    ChatMessage(role: "assistant", content: "A"), ChatMessage(role: "user", content: "R"),
  ]

  @Test(arguments: [
    ("alpaca", "S\n\n### Instruction:\nQ\n\n### Response:\nA</s>\n\n### Instruction:\nR\n\n### Response:\n"),
    (
      "chatml",
      "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\nA<|im_end|>\n<|im_start|>user\nR<|im_end|>\n<|im_start|>assistant\n"
    ),
    (
      "gemma",
      "<s><start_of_turn>user\nS\n\nQ<end_of_turn>\n<start_of_turn>model\nA<end_of_turn>\n<start_of_turn>user\nR<end_of_turn>\n<start_of_turn>model\n"
    ),
    (
      "granite",
      "<|start_of_role|>system<|end_of_role|>S<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>Q<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>A<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>R<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>"
    ),
    ("llama2", "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nQ [/INST] A </s><s>[INST] R [/INST]"),
    (
      "llama3",
      "<s><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nQ<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nR<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    ),
    ("mistral", "<s>[INST] S\n\nQ [/INST] A</s>[INST] R [/INST]"),
    (
      "phi3",
      "<|system|>\nS<|end|>\n<|user|>\nQ<|end|>\n<|assistant|>\nA<|end|>\n<|user|>\nR<|end|>\n<|assistant|>\n"
    ),
    ("vicuna", "<s>S\n\nUSER: Q\nASSISTANT: A</s>\nUSER: R\nASSISTANT:"),
    ("zephyr", "<|system|>\nS</s>\n<|user|>\nQ</s>\n<|assistant|>\nA</s>\n<|user|>\nR</s>\n<|assistant|>\n"),
  ])
  func conversationsAreWrittenInTheFamilysForm(name: String, expected: String) throws {
    let template = try ChatTemplate(builtIn: name, specialTokens: Self.tokens)
    #expect(try template.text(Self.chat, addGenerationPrompt: true) == expected)
  }

  @Test func theMarkersOfEachAreFound() throws {
    let expected: [String: (start: String?, end: String?)] = [
      "alpaca": ("###", "</s>"), "chatml": ("<|im_start|>", "<|im_end|>"),
      "gemma": ("<start_of_turn>", "<end_of_turn>"),
      "granite": ("<|start_of_role|>", "<|end_of_text|>"), "llama2": ("[INST]", "</s>"),
      "llama3": ("<|start_header_id|>", "<|eot_id|>"),
      "mistral": ("[INST]", "</s>"), "phi3": ("<|user|>", "<|end|>"), "vicuna": ("USER:", "</s>"),
      "zephyr": ("<|user|>", "</s>"),
    ]
    #expect(BuiltInTemplate.all.map(\.name) == expected.keys.sorted())
    for (name, markers) in expected {
      let found = try ChatTemplate(builtIn: name, specialTokens: Self.tokens).markers
      #expect(found?.startOfTurn == markers.start, "\(name)")
      #expect(found?.endOfTurn == markers.end, "\(name)")
    }
  }

  @Test func aNameThatIsNotKnownIsRefusedWithThoseThatAre() {
    let error = #expect(throws: ChatTemplateError.self) { try ChatTemplate(builtIn: "klingon") }
    #expect(error?.description.contains("alpaca, chatml, gemma") == true)
  }
}
