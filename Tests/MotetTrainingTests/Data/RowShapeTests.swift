import Foundation
import MotetTokenizers
import Testing

@testable import MotetTraining

/// Rows as the field writes them, and the turns they are read as.
@Suite struct RowShapeTests {
  private let folder: DataFolder

  init() throws { folder = try DataFolder() }

  /// `u:` and `a:` and so on before each turn.
  private func turns(_ line: String, columns: String? = nil) throws -> [String] {
    let columns = try columns.map { try RowColumns(parsing: $0) } ?? RowColumns()
    let row = try Dataset(contentsOf: folder.file(line), columns: columns).rows[0]
    guard case .messages(let messages) = row.content else { return [] }
    return messages.enumerated().map { index, turn in
      "\(turn.role.prefix(1))\(row.untrainedTurns.contains(index) ? "-" : ""):\(turn.content)"
    }
  }

  @Test(arguments: [
    (#"{"prompt": "p", "completion": "r"}"#, ["u:p", "a:r"]),
    (#"{"input": "p", "output": "r"}"#, ["u:p", "a:r"]),
    (#"{"query": "p", "response": "r"}"#, ["u:p", "a:r"]),
    (#"{"question": "p", "answer": "r"}"#, ["u:p", "a:r"]),
    (#"{"question": "p", "response": "r"}"#, ["u:p", "a:r"]),
    (#"{"instruction": "p", "context": "c", "response": "r", "category": "qa"}"#, ["u:p\n\nc", "a:r"]),
    (#"{"instruction": "p", "context": "", "response": "r"}"#, ["u:p", "a:r"]),
    (#"{"instruction": "p", "input": null, "output": "r"}"#, ["u:p", "a:r"]),
    (#"{"id": "x", "system_prompt": "s", "question": "p", "response": "r"}"#, ["s:s", "u:p", "a:r"]),
    (#"{"system_prompt": "", "question": "p", "response": "r"}"#, ["u:p", "a:r"]),
    (#"{"system": "s", "prompt": "p", "response": "r"}"#, ["s:s", "u:p", "a:r"]),
    (
      #"{"instruction": "p", "output": "r", "history": [["u1", "a1"], ["u2", "a2"]], "system": "s"}"#,
      ["s:s", "u:u1", "a:a1", "u:u2", "a:a2", "u:p", "a:r"]
    ), (#"{"prompt": "p", "response": "r", "history": []}"#, ["u:p", "a:r"]),
    (#"{"Question": "p", "ANSWER": "r"}"#, ["u:p", "a:r"]),
    (#"{"prompt": "p", "completion": true}"#, ["u:p", "a:true"]),
    (#"{"prompt": 12345678901234567890, "completion": 1.50}"#, ["u:12345678901234567890", "a:1.50"]),
    (
      #"{"prompt": [{"type": "text", "text": "p"}, {"type": "text", "text": "q"}], "response": "r"}"#,
      ["u:p\nq", "a:r"]
    ),
    (
      #"{"prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "p"}], "completion": [{"role": "assistant", "content": "r"}]}"#,
      ["s:s", "u:p", "a:r"]
    ),
  ])
  func pairsAreFoundByTheirNames(line: String, expected: [String]) throws {
    #expect(try turns(line) == expected)
  }

  @Test(arguments: [
    (
      #"{"conversations": [{"from": "human", "value": "p"}, {"from": "gpt", "value": "r"}]}"#, ["u:p", "a:r"]
    ),
    (
      #"{"system": "s", "conversations": [{"from": "human", "value": "p"}, {"from": "gpt", "value": "r"}]}"#,
      ["s:s", "u:p", "a:r"]
    ),
    (
      #"{"conversations": [{"role": "system", "content": "s"}, {"role": "user", "content": "p"}, {"role": "assistant", "content": "r"}]}"#,
      ["s:s", "u:p", "a:r"]
    ),
    (
      #"{"system": "s", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "p"}, {"role": "assistant", "content": "r"}]}"#,
      ["s:s", "u:p", "a:r"]
    ),
    (
      #"{"messages": [{"role": "user", "content": [{"type": "text", "text": "p"}]}, {"role": "assistant", "content": "r", "tool_calls": null}], "tools": []}"#,
      ["u:p", "a:r"]
    ),
    (
      #"{"messages": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "x", "weight": 0}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "r", "weight": 1}]}"#,
      ["u:p", "a-:x", "u:q", "a:r"]
    ),
    (
      #"{"system": "s", "messages": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "x", "train": false}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "y", "loss": false}, {"role": "user", "content": "z"}, {"role": "assistant", "content": "r", "training": true}]}"#,
      ["s:s", "u:p", "a-:x", "u:q", "a-:y", "u:z", "a:r"]
    ), (#"[{"role": "user", "content": "p"}, {"role": "assistant", "content": "r"}]"#, []),
  ])
  func conversationsKeepTheirTurns(line: String, expected: [String]) throws {
    if line.hasPrefix("[") {
      #expect(try turns("[\(line)]") == ["u:p", "a:r"])
      #expect(try turns("\(line)\n\(line)") == ["u:p", "a:r"])
    } else {
      #expect(try turns(line) == expected)
    }
  }

  @Test func aListOfResponsesIsWhatIsAcceptedAndItsFirstIsTrained() throws {
    let data = try Dataset(contentsOf: folder.file(#"{"question": "p", "answer": ["r", "R"]}"#))
    #expect(data.rows[0].response == "r" && data.rows[0].acceptedResponses == ["r", "R"])
    #expect(data.notes.contains { $0.contains("several responses are given") })
  }

  @Test(arguments: [
    (
      #"{"messages": [{"role": "user", "content": "p"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "1"}]}]}"#,
      #"turn 2 calls a tool ("tool_calls"): tool calls are not trained yet"#
    ),
    (
      #"{"messages": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "", "function_call": {"name": "f"}}]}"#,
      #"turn 2 calls a tool ("function_call"): tool calls are not trained yet"#
    ),
    (
      #"{"messages": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "x"}, {"role": "tool", "content": "1"}]}"#,
      #"turn 3 is a tool's ("tool"): tools are not trained yet"#
    ),
    (
      #"{"conversations": [{"from": "human", "value": "p"}, {"from": "observation", "value": "x"}]}"#,
      #"turn 2 is a tool's ("observation"): tools are not trained yet"#
    ),
    (
      #"{"tools": [{"name": "f"}], "messages": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "r"}]}"#,
      #"it has "tools": tools are not trained yet, so leave such rows out or drop the column"#
    ),
    (
      #"{"messages": [{"role": "user", "content": "p"}, {"role": "assistant", "content": ""}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}]}"#,
      "the response is empty (turn 2)"
    ),
    (
      #"{"system": "s", "messages": [{"role": "system", "content": "t"}, {"role": "user", "content": "p"}, {"role": "assistant", "content": "r"}]}"#,
      #"it has "system" and its turns begin with another system turn: keep one"#
    ),
    (
      #"{"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}"#,
      #"turn 1 has a part of the type "image_url": only text is trained"#
    ),
    (
      #"{"messages": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "r", "weight": 0.5}]}"#,
      #""weight" of turn 2 is 0.5: 0 and 1 are known"#
    ),
    (
      #"{"prompt": "p", "response": "r", "prompt": "q"}"#,
      #"it is not a JSON object: the name 'prompt' stands twice"#
    ),
    (
      #"{"prompt": "\ud83d", "response": "r"}"#,
      "it is not a JSON object: a string holds half a surrogate pair"
    ), (#"{"prompt": "p", "response": " \n"}"#, "the response is empty"),
    (#"{"prompt": ["p", "q"], "response": "r"}"#, #""prompt" is a list of 2 texts: give one"#),
    (#"{"prompt": "p", "response": []}"#, "the response is empty"),
    (
      #"{"prompt": "p", "response": "r", "history": [["u"]]}"#,
      #""history" is not a list of [user, assistant] pairs (at 1)"#
    ),
  ])
  func whatCannotBeTrainedIsRefusedByItsRow(line: String, problem: String) throws {
    let path = try folder.file(#"{"text": "a"}"# + "\n" + line)
    #expect(throws: DatasetError.malformed(file: path, line: 2, problem: problem)) {
      try Dataset(contentsOf: path)
    }
  }

  @Test func untrainedTurnsCarryNoLabels() throws {
    let marked = try TrainingData(
      folder.file(
        "a.jsonl",
        #"{"messages": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "x", "weight": 0}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "the"}]}"#
      ))
    let plain = try TrainingData(
      folder.file(
        "b.jsonl",
        #"{"messages": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "x"}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "the"}]}"#
      ))
    #expect(try marked.example(at: 0).tokens == plain.example(at: 0).tokens)
    let encoder = try DataFolder.encoder()
    let labels = zip(try marked.example(at: 0).tokens, try marked.example(at: 0).labelled).filter(\.1).map(
      \.0)
    #expect(encoder.tokenizer.decode(labels) == "the<|im_end|>")
    #expect(marked.digest != plain.digest)
    #expect(marked.report.text().contains("turns are marked not to be trained: they carry no labels"))
    let path = try folder.file(
      "c.jsonl",
      #"{"messages": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "x", "weight": 0}]}"#
    )
    #expect(throws: DatasetError.nothingToLearn(file: path, line: 1)) { try TrainingData(path) }
  }

  @Test(arguments: [
    (#"{"ask": "p", "reply": "r", "prompt": "no"}"#, "prompt=ask,response=reply", ["u:p", "a:r"]),
    (
      #"{"ask": "p", "reply": "r", "who": "s"}"#, "prompt=ask,response=reply,system=who",
      ["s:s", "u:p", "a:r"]
    ),
    (#"{"prompt": "p", "response": "r", "who": "s"}"#, "system=who", ["s:s", "u:p", "a:r"]),
    (#"{"prompt": "p", "response": "r", "passage": "c"}"#, "context=passage", ["u:p\n\nc", "a:r"]),
    (#"{"review": "p", "stars": 5}"#, "text=review,label=stars", ["u:p", "a:5"]),
    (
      #"{"dialog": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "r"}]}"#,
      "messages=dialog", ["u:p", "a:r"]
    ),
  ])
  func columnsAreNamed(line: String, columns: String, expected: [String]) throws {
    #expect(try turns(line, columns: columns) == expected)
  }

  @Test func aNamedColumnThatIsMissingIsAnError() throws {
    let path = try folder.file(#"{"prompt": "p", "response": "r"}"#)
    #expect(
      throws: DatasetError.malformed(
        file: path, line: 1,
        problem: #""ask" is missing (--columns prompt=ask); its columns are prompt, response"#)
    ) { try Dataset(contentsOf: path, columns: RowColumns(parsing: "prompt=ask")) }
    #expect(throws: ColumnsError.unknownRole("promt")) { try RowColumns(parsing: "promt=a") }
    #expect(throws: ColumnsError.notAPair("a")) { try RowColumns(parsing: "prompt=b,a") }
    #expect(throws: ColumnsError.twice(.prompt)) { try RowColumns(parsing: "prompt=b,prompt=c") }
  }

  @Test func whatIsNotUsedIsSaidOnce() throws {
    let rows = (1...3).map {
      #"{"id": \#($0), "prompt": "p\#($0)", "completion": "r", "source": "web", "empty": null}"# + "\n"
    }
    let data = try TrainingData(folder.file(rows.joined()))
    #expect(data.report.files[0].shape == "prompt/completion")
    #expect(
      data.report.noteLines.map { $0.split(separator: ": ", maxSplits: 1)[1] } == [
        "read as prompt/completion; columns id, source not used (--columns ROLE=COLUMN uses one)"
      ])
    let mixed = try TrainingData(folder.file("m.jsonl", rows[0] + #"{"text": "a"}"# + "\n" + rows[1]))
    #expect(mixed.report.files[0].shape == "prompt/completion (2 rows), text (1 row)")
    let grouped = try TrainingData(folder.file("g.jsonl", rows.joined()), groupField: "source")
    #expect(!grouped.report.text().contains("source"))
  }
}
