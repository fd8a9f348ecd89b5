import Foundation
import MotetTokenizers
import MotetTraining
import Testing

@Suite struct DatasetTests {
  /// What the file with this content is read as; `FILE` in errors stands for its path.
  private func read(_ content: String) throws -> Dataset { try read(Data(content.utf8)) }

  private func read(_ content: Data) throws -> Dataset {
    let url = FileManager.default.temporaryDirectory.appending(path: "motet-\(UUID().uuidString).jsonl")
    try content.write(to: url)
    defer { try? FileManager.default.removeItem(at: url) }
    do { return try Dataset(contentsOf: url) } catch let error as DatasetError {
      throw error.renamed("FILE")
    }
  }

  @Test(arguments: [
    #"{"prompt": "a", "response": "b"}"#, #"{"question": "a", "answer": "b"}"#,
    #"{"instruction": "a", "output": "b"}"#, #"{"instruction": "a", "input": "", "output": "b"}"#,
    #"{"text": "a", "label": "b"}"#,
    #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}"#,
  ])
  func everyShapeOfRowIsRecognized(line: String) throws {
    let expected = [DatasetRow(prompt: "a", response: "b", line: 1)]
    #expect(try read(line).rows == expected)
    #expect(try read("[\(line)]").rows == expected)
    #expect(try read("\r\n \(line)\r\n\n").rows.map(\.line) == [2])
  }

  @Test func anInputFollowsItsInstruction() throws {
    let row = try read(#"{"instruction": "Add.", "input": "1 2", "output": "3"}"#).rows[0]
    #expect(row.prompt == "Add.\n\n1 2")
  }

  @Test func numbersAreTakenAsTheyArePrinted() throws {
    #expect(try read(#"{"text": "a", "label": 1}"#).rows[0].response == "1")
  }

  @Test func plainTextIsARowOfItsOwn() throws {
    #expect(try read(#"{"text": "a b"}"#).rows == [DatasetRow(.text("a b"), line: 1)])
  }

  @Test func severalTurnsAreOneRow() throws {
    let row = try read(
      #"""
      {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "a"},
      """#.replacing("\n", with: "")
        + #"{"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}, "#
        + #"{"role": "assistant", "content": "d"}]}"#
    ).rows[0]
    #expect(row.prompt == "c" && row.response == "d")
    guard case .messages(let messages) = row.content else {
      Issue.record("no messages")
      return
    }
    #expect(messages.map(\.role) == ["system", "user", "assistant", "user", "assistant"])
  }

  @Test(arguments: [
    (#"{"prompt": "a"}"#, #""response" is missing; its columns are prompt"#),
    ("not json", "it is not a JSON object: a value was expected"),
    ("[1", "it is not a JSON object: the text ends too early"),
    (#"{"prompt": " ", "response": "b"}"#, "the prompt is empty"),
    (#"{"prompt": "a", "response": ""}"#, "the response is empty"),
    (#"{"prompt": {}, "response": "b"}"#, #""prompt" is not text"#),
    (#"{"text": ""}"#, "the text is empty"),
    (#"{"messages": [{"role": "user", "content": "a"}]}"#, "no message is the assistant's"),
    (#"{"messages": [{"role": "assistant"}]}"#, "turn 1 lacks its content"),
    (#"{"messages": "a"}"#, #""messages" is text, and not a list of turns in JSON"#),
    (
      #"{"other": 1}"#,
      "none of prompt/response, prompt/completion, messages, conversations, instruction/output, question/answer, "
        + "query/response, input/output, text is there; its columns are other: name them with --columns "
        + "prompt=…,response=…"
    ),
    (
      #"{"prompt": null, "response": "b"}"#,
      #"a prompt is missing beside "response"; its columns are response"#
    ),
  ])
  func aRowThatCannotBeUsedIsNamedByItsNumber(line: String, problem: String) {
    let good = #"{"prompt": "a", "response": "b"}"#
    #expect(throws: DatasetError.malformed(file: "FILE", line: 4, problem: problem)) {
      try read("\(good)\n\n\(good)\n\(line)\n\(good)\n")
    }
  }

  @Test func elementsOfAListAreCounted() {
    #expect(throws: DatasetError.malformed(file: "FILE", line: 2, problem: "it is not a JSON object")) {
      try read(#"[{"prompt": "a", "response": "b"}, 3]"#)
    }
    #expect(
      throws: DatasetError.malformed(
        file: "FILE", line: 1, problem: "it begins like a JSON list but is not one")
    ) { try read(#"[{"prompt": "a", "#) }
  }

  @Test func filesWithoutRowsOrTextAreRefused() {
    #expect(throws: DatasetError.empty(file: "FILE")) { try read("\n \n") }
    #expect(throws: DatasetError.empty(file: "FILE")) { try read("") }
    #expect(throws: DatasetError.empty(file: "FILE")) { try read("[]") }
    #expect(throws: DatasetError.notUTF8(file: "FILE", line: 1)) { try read(Data([0x7b, 0xff, 0xfe])) }
    #expect(throws: DatasetError.unreadable(file: "/nowhere/x.jsonl")) {
      try Dataset(contentsOf: "/nowhere/x.jsonl")
    }
  }

  @Test func aRowLongerThanTheContextIsRefusedOrCutWhenAsked() async throws {
    let base = try await TinyModel.load()
    let long = String(repeating: "word ", count: 200)
    let data = Dataset(
      [DatasetRow(prompt: "a", response: "b", line: 1), DatasetRow(prompt: "a", response: long, line: 7)],
      name: "FILE")
    let error = #expect(throws: DatasetError.self) { try data.examples(for: base) }
    guard case .tooLong("FILE", 7, _, 128) = error else {
      Issue.record("\(error.map { "\($0)" } ?? "")")
      return
    }
    let cut = try data.examples(for: base, maximumLength: 64)
    #expect(cut[1].tokens.count == 64)
    #expect(throws: DatasetError.nothingToLearn(file: "FILE", line: 1)) {
      try data.examples(for: base, maximumLength: 3)
    }
  }

  @Test func labelsAreTheResponseAndItsEndOfTurn() async throws {
    let base = try await TinyModel.load()
    let examples = try Dataset([DatasetRow(prompt: "what", response: "the answer", line: 1)])
      .examples(for: base)
    let example = examples[0]
    let response = base.tokenizer.encode("the answer")
    let end = try #require(base.tokenizer.id(of: "<|im_end|>"))
    let labels = zip(example.tokens, example.labelled).filter(\.1).map(\.0)
    #expect(labels == response + [end])
    #expect(example.tokens.suffix(2) == [end] + base.tokenizer.encode("\n"))
    #expect(example.labelCount == response.count + 1)
    let text = try Dataset([DatasetRow(.text("the answer"), line: 1)]).examples(for: base)[0]
    #expect(text.tokens == response + [end] && text.labelCount == response.count)
  }
}

extension DatasetError {
  fileprivate func renamed(_ name: String) -> DatasetError {
    switch self {
    case .unreadable: .unreadable(file: name)
    case .notUTF8(_, let line): .notUTF8(file: name, line: line)
    case .empty: .empty(file: name)
    case .malformed(_, let line, let problem): .malformed(file: name, line: line, problem: problem)
    case .tooLong(_, let line, let tokens, let limit):
      .tooLong(file: name, line: line, tokens: tokens, limit: limit)
    case .nothingToLearn(_, let line): .nothingToLearn(file: name, line: line)
    default: self
    }
  }
}
