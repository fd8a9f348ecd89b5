import Foundation
import MotetFormats
import MotetTokenizers
import Testing

@Suite struct ChatTemplateLoadingTests {
  @Test func aFolderGivesItsTemplateFromEitherFile() throws {
    try TokenizerFixtures.withFolder { folder in
      #expect(try ChatTemplate.found(inFolder: folder) == nil)
      #expect(throws: ChatTemplateError.self) { try ChatTemplate(huggingFace: folder) }
      try write(
        #"{"chat_template": "old", "bos_token": "<s>", "eos_token": {"content": "</s>"}, "pad_token": null}"#,
        "tokenizer_config.json", in: folder)
      let old = try ChatTemplate(huggingFace: folder)
      #expect(old.source == "old" && old.specialTokens == ["bos_token": "<s>", "eos_token": "</s>"])
      try write("new", "chat_template.jinja", in: folder)
      #expect(try ChatTemplate(huggingFace: folder).source == "new")
      try write(#"{"unk_token": "<unk>", "bos_token": "other"}"#, "special_tokens_map.json", in: folder)
      #expect(
        try ChatTemplate(huggingFace: folder).specialTokens == [
          "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
        ])
    }
  }

  @Test func ofSeveralTemplatesTheDefaultIsTakenAndToolsHaveTheirOwn() throws {
    try TokenizerFixtures.withFolder { folder in
      try write(
        #"{"chat_template": [{"name": "default", "template": "plain"}, {"name": "tool_use", "template": "with tools"}]}"#,
        "tokenizer_config.json", in: folder)
      let template = try ChatTemplate(huggingFace: folder)
      #expect(template.named == ["tool_use": "with tools"])
      #expect(try template.text([], addGenerationPrompt: false) == "plain")
      #expect(
        try template.text([], addGenerationPrompt: false, inputs: ChatInputs(tools: "[]")) == "with tools")
      let more = folder.appending(path: "additional_chat_templates")
      try FileManager.default.createDirectory(at: more, withIntermediateDirectories: true)
      try write("documents", "rag.jinja", in: more)
      #expect(try ChatTemplate(huggingFace: folder).named["rag"] == "documents")
      try write(
        #"{"chat_template": [{"name": "rag", "template": "x"}]}"#, "tokenizer_config.json", in: folder)
      let error = #expect(throws: ChatTemplateError.self) { try ChatTemplate(huggingFace: folder) }
      #expect(error?.description.contains("holds the chat templates rag and none is the default") == true)
    }
  }

  @Test func aGGUFFileGivesItsTemplatesAndTokens() throws {
    let file = try GGUFFile(contentsOf: ChatFixture.folder.appending(path: "named.gguf"))
    let template = try #require(try ChatTemplate.found(in: file))
    #expect(try template.text([], addGenerationPrompt: false) == "<s>default")
    #expect(try template.text([], addGenerationPrompt: false, inputs: ChatInputs(tools: "[]")) == "</s>tools")
  }

  @Test func aFileOrANameGivesATemplate() throws {
    try TokenizerFixtures.withFolder { folder in
      try write("{{ eos_token }}!", "own.jinja", in: folder)
      let file = folder.appending(path: "own.jinja").path
      let own = try ChatTemplate(fileOrName: file, specialTokens: ["eos_token": "</s>"])
      #expect(try own.text([], addGenerationPrompt: false) == "</s>!")
      #expect(try ChatTemplate(fileOrName: "zephyr") == ChatTemplate(builtIn: "zephyr"))
      #expect(throws: ChatTemplateError.unknownBuiltIn("klingon")) { try ChatTemplate(fileOrName: "klingon") }
      let missing = #expect(throws: ChatTemplateError.self) { try ChatTemplate(fileOrName: file + "x") }
      #expect(missing?.description.contains("own.jinjax: there is no such file") == true)
    }
  }

  @Test(arguments: [
    ("version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    ("<!doctype html><html>", "web page"), ("{% if %}", "line 1, column 7"),
    ("{% include 'x' %}", "{% include %} is not supported"),
  ])
  func aFileThatIsNoTemplateIsRefusedByName(content: String, expected: String) throws {
    try TokenizerFixtures.withFolder { folder in
      try write(content, "chat_template.jinja", in: folder)
      let error = #expect(throws: ChatTemplateError.self) { try ChatTemplate(huggingFace: folder) }
      #expect(
        error?.description.contains(expected) == true
          && error?.description.contains("chat_template.jinja") == true)
    }
  }

  @Test func bytesThatAreNotTextAreRefused() throws {
    try TokenizerFixtures.withFolder { folder in
      try Data([0x61, 0xFF]).write(to: folder.appending(path: "chat_template.jinja"))
      #expect(throws: ChatTemplateError.self) { try ChatTemplate(huggingFace: folder) }
      try write("{", "tokenizer_config.json", in: folder)
      #expect(throws: FormatError.self) { try ChatTemplate(huggingFace: folder) }
    }
  }

  private func write(_ text: String, _ name: String, in folder: URL) throws {
    try Data(text.utf8).write(to: folder.appending(path: name))
  }
}
