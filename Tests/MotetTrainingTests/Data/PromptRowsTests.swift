import Foundation
import MotetTokenizers
import Testing

@testable import MotetTraining

/// Prompts that are to be answered.
@Suite struct PromptRowsTests {
  private let folder: DataFolder

  init() throws { folder = try DataFolder() }

  private func read(_ name: String, _ content: String) throws -> [PromptRows.Row] {
    try PromptRows(contentsOf: folder.file(name, content), for: DataFolder.encoder()).rows
  }

  @Test(arguments: [
    ("a.jsonl", "\u{feff}{\"prompt\": \"a\"}\r\n\r\n{\"question\": \"b\", \"answer\": \"x\"}\r\n"),
    ("a.json", "[\n {\"prompt\": \"a\"},\n {\"text\": \"b\"}\n]"), ("a.json", #"["a", "b"]"#),
    ("a.json", "{\n \"prompt\": \"a\"\n}\n{\n \"prompt\": \"b\"\n}\n"), ("a.txt", "a\r\n\r\nb\n"),
    ("a", "\u{feff}a\nb"),
    ("a.csv", "prompt\na\nb\n"),
    ("a.json", #"{"data": [{"instruction": "a"}, {"query": "b", "response": null}]}"#),
  ])
  func promptsNeedNoResponse(name: String, content: String) throws {
    let rows = try read(name, content)
    #expect(rows.map(\.prompt) == ["a", "b"])
    #expect(rows.allSatisfy { $0.conversation.map(\.role) == ["user"] })
  }

  @Test func systemsAndTurnsAreKept() throws {
    let rows = try read(
      "a.jsonl",
      #"{"system": "s", "prompt": "a", "mix": "math=0.5"}"# + "\n"
        + #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}]}"#
        + "\n" + #"{"text": "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n"}"#)
    #expect(rows[0].conversation.map(\.content) == ["s", "a"] && rows[0].mix == "math=0.5")
    #expect(rows[1].conversation.map(\.content) == ["a", "b", "c"] && rows[1].mix == nil)
    #expect(rows[2].conversation == [ChatMessage(role: "user", content: "a")])
  }

  @Test func aPromptThatIsEmptyIsNamedByItsRow() throws {
    let path = try folder.file("{\"prompt\": \"a\"}\n{\"prompt\": \" \"}\n")
    #expect(throws: DatasetError.malformed(file: path, line: 2, problem: "the prompt is empty")) {
      try PromptRows(contentsOf: path, for: DataFolder.encoder())
    }
    let broken = try folder.file("b.jsonl", "{\"prompt\": \"a\"}\nhello\n")
    #expect(
      throws: DatasetError.malformed(
        file: broken, line: 2, problem: "it is not a JSON object: a value was expected")
    ) {
      try PromptRows(contentsOf: broken, for: DataFolder.encoder())
    }
  }
}
