import Foundation
import MotetTokenizers
import Testing

@testable import MotetTraining

/// Rows in which the chat template, or a part of it, is written out.
@Suite struct TemplateInTextTests {
  private let folder: DataFolder
  private let encoder: RowEncoder

  init() throws {
    folder = try DataFolder()
    encoder = try DataFolder.encoder()
  }

  private func row(_ members: [String: String]) throws -> String {
    String(decoding: try JSONSerialization.data(withJSONObject: members), as: UTF8.self) + "\n"
  }

  private let turns = [
    ChatMessage(role: "system", content: "be brief"), ChatMessage(role: "user", content: "what is 1?"),
    ChatMessage(role: "assistant", content: "the answer is 1"),
  ]

  @Test(arguments: ["", "<|endoftext|>", "<|im_start|>assistant\n", "\n\n", "CUT"])
  func aConversationThatIsWrittenOutIsReadAsOne(after: String) throws {
    var text = try #require(encoder.template).text(turns, addGenerationPrompt: false)
    text = after == "CUT" ? String(text.dropLast("<|im_end|>\n".count)) : text + after
    let data = try TrainingData(folder.file("a.jsonl", row(["text": text]) + row(["text": "the house"])))
    let expected = try encoder.encode(DatasetRow(.messages(turns)), maximumLength: nil, file: "").example
    let example = try data.example(at: 0)
    #expect(example.tokens == expected.tokens && example.labelled == expected.labelled)
    #expect(data.report.text().contains("the text holds the chat template: read as conversations"))
    #expect(data.report.text().contains("(1 row, first row 1)"))
    let set = try Dataset(contentsOf: folder.file("b.jsonl", row(["text": text])), for: encoder)
    #expect(set.rows[0].content == .messages(turns))
  }

  @Test func aPromptAndItsCompletionMayBeWrittenOutToo() throws {
    let prompt = try #require(encoder.template).text(Array(turns.dropLast()), addGenerationPrompt: true)
    let path = try folder.file(row(["prompt": prompt, "completion": "the answer is 1<|im_end|>\n"]))
    let expected = try encoder.encode(DatasetRow(.messages(turns)), maximumLength: nil, file: "").example
    #expect(try TrainingData(path).example(at: 0).tokens == expected.tokens)
  }

  @Test func anEndOfTurnThatIsWrittenAfterAResponseIsLeftOut() throws {
    let data = try TrainingData(
      folder.file("a.jsonl", row(["prompt": "what", "response": "it is 2<|im_end|>\n"])),
      folder.file("b.jsonl", row(["prompt": "what", "response": "it is 2"])),
      folder.file("c.jsonl", row(["text": "it is 2<|endoftext|>"])),
      folder.file("d.jsonl", row(["text": "it is 2"])))
    #expect(try data.example(at: 0).tokens == data.example(at: 1).tokens)
    #expect(try data.example(at: 2).tokens == data.example(at: 3).tokens)
    #expect(data.report.noteLines.filter { $0.contains("written out: left out") }.count == 2)
    let path = try folder.file(row(["prompt": "what", "response": "<|im_end|>"]))
    #expect(throws: DatasetError.malformed(file: path, line: 1, problem: "the response is empty")) {
      try TrainingData(path)
    }
  }

  @Test func specialTokensInOrdinaryTextStayTextAndAreSaid() throws {
    let special = try ["<|im_start|>", "<|im_end|>", "<|endoftext|>"].map {
      try #require(encoder.tokenizer.id(of: $0))
    }
    let path = try folder.file(
      row(["text": "the house"])
        + row(["prompt": "what is <|im_end|> for?", "response": "it ends <|im_end|> a turn"])
        + row(["text": "<|im_start|>user\nno end"]) + row(["text": "see <|endoftext|> there"]))
    let data = try TrainingData(path)
    let example = try data.example(at: 1)
    #expect(example.tokens.filter { $0 == special[1] }.count == 2)
    #expect(try data.example(at: 2).tokens.filter(special.contains) == [special[1]])
    #expect(encoder.tokenizer.decode(try data.example(at: 3).tokens) == "see <|endoftext|> there<|im_end|>")
    let notes = data.report.noteLines.filter { $0.contains("is written in the text") }
    #expect(notes.count == 3)
    #expect(
      notes[0]
        == "\(path): <|im_end|> is written in the text: taken as its characters, and not as the special token (1 row, first row 2)"
    )
  }

  @Test func textHasAnEndThatIsLearnt() throws {
    let example = try TrainingData(folder.file(row(["text": "the answer"]))).example(at: 0)
    let text = encoder.tokenizer.encode("the answer")
    #expect(example.tokens == text + [try #require(encoder.tokenizer.eos)])
    #expect(example.labelled == [false] + Array(repeating: true, count: text.count))
  }
}
