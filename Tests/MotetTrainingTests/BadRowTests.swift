import Foundation
import Testing

@testable import MotetTraining

@Suite struct BadRowTests {
  private let folder: DataFolder
  private let good = #"{"prompt": "a", "response": "b"}"#

  init() throws { folder = try DataFolder() }

  @Test(arguments: [
    (#"{"prompt": "a"}"#, #""response" is missing; its columns are prompt"#),
    (#"{"prompt": "a", "response": ""}"#, "the response is empty"),
    ("{", "it is not a JSON object: the text ends too early"), ("[1]", "it is not a JSON object"),
    (#"{"messages": [{"role": "assistant", "content": ""}]}"#, "the response is empty (turn 1)"),
    (#"{"messages": ["hi"]}"#, "turn 1 is not an object"),
  ])
  func aBadRowStopsWithItsLine(row: String, problem: String) throws {
    let path = try folder.file("\(good)\n\n\(row)\n\(good)")
    #expect(throws: DatasetError.malformed(file: path, line: 3, problem: problem)) { try TrainingData(path) }
    let data = try TrainingData(path, dropsBadRows: true)
    #expect(data.count == 2 && data.place(at: 1).line == 4)
    #expect(data.report.files[0].dropped == [.init(reason: problem, rows: 1, lines: [3])])
    #expect(data.report.text().contains("left out: 1 of \(path): \(problem) (row 3)"))
  }

  @Test func aRowLongerThanTheContextIsRefusedCutOrLeftOut() throws {
    let long = String(repeating: "word ", count: 200)
    let path = try folder.file("\(good)\n" + #"{"prompt": "a", "response": "\#(long)"}"#)
    let error = #expect(throws: DatasetError.self) { try TrainingData(path) }
    guard case .tooLong(path, 2, let tokens, 128) = error else {
      Issue.record("\(error.map { "\($0)" } ?? "")")
      return
    }
    let cut = try TrainingData(path, maximumLength: 60).report.total
    #expect(cut.truncatedRows == 1 && cut.truncatedTokens == tokens - 60 && cut.lengths.maximum == 60)
    let left = try TrainingData(path, dropsBadRows: true).report
    #expect(left.files[0].dropped.map(\.lines) == [[2]])
  }

  @Test func aResponseCutAwayEntirelyIsRefusedOrLeftOut() throws {
    let long = String(repeating: "word ", count: 50)
    let path = try folder.file(#"{"prompt": "\#(long)", "response": "b"}"# + "\n\(good)")
    #expect(throws: DatasetError.nothingToLearn(file: path, line: 1)) {
      try TrainingData(path, maximumLength: 60)
    }
    let data = try TrainingData(path, maximumLength: 60, dropsBadRows: true)
    #expect(data.count == 1)
    #expect(data.report.files[0].dropped[0].reason == "no token of a response is left to learn from")
  }

  @Test func theFaultIsNamedWhenNoRowIsLeft() throws {
    let path = try folder.file(#"{"prompt": "a"}"#)
    #expect(
      throws: DatasetError.malformed(
        file: path, line: 1, problem: #""response" is missing; its columns are prompt"#)
    ) {
      try TrainingData(path, dropsBadRows: true)
    }
    let empty = try folder.file("empty.jsonl", "\n \n")
    #expect(throws: DatasetError.empty(file: empty)) { try TrainingData(empty, dropsBadRows: true) }
    #expect(throws: DatasetError.unreadable(file: "/nowhere")) { try TrainingData("/nowhere") }
  }

  @Test func onlyTheFirstLinesOfManyBadRowsAreKept() throws {
    let path = try folder.file("\(good)\n" + String(repeating: "{}\n", count: 2000))
    let dropped = try TrainingData(path, dropsBadRows: true).report.files[0].dropped
    #expect(dropped.map(\.rows) == [2000] && dropped[0].lines == Array(2...1001))
  }

  @Test func rowsThatAreNotTextAreLeftOutAloneWhenAsked() throws {
    let path = try folder.file(
      "a.jsonl", Data(good.utf8) + Data([10, 0x7b, 0xff, 0xfe, 10]) + Data(good.utf8))
    #expect(throws: DatasetError.notUTF8(file: path, line: 2)) { try TrainingData(path) }
    #expect(try TrainingData(path, dropsBadRows: true).report.files[0].dropped[0].lines == [2])
  }

  @Test(arguments: [
    "[\n", "[{\"text\": \"a b\"}", "[{\"text\": \"a b\"}] x", "[{\"text\": \"a b\"},]", "[,]", "[}", "[\"a",
  ])
  func aListThatIsNotOneIsRefusedEvenWhenBadRowsAreLeftOut(content: String) throws {
    let path = try folder.file("a.json", content)
    #expect(
      throws: DatasetError.malformed(
        file: path, line: 1, problem: "it begins like a JSON list but is not one")
    ) { try TrainingData(path, dropsBadRows: true) }
  }

  /// Whatever is done to a file, reading it ends with rows or with an error.
  @Test func damagedFilesNeverCrash() throws {
    let rows = [
      #"{"messages": [{"role": "user", "content": "a \u00e9 \"b\""}, {"role": "assistant", "content": "b"}]}"#,
      #"{"prompt": "é😀", "response": "b", "label": [1, {"a": null}]}"#, #"{"text": "a b", "label": 1e3}"#,
    ]
    let contents = [rows.joined(separator: "\n"), "[" + rows.joined(separator: ",\n") + "]"].map {
      Array($0.utf8)
    }
    var seed: UInt64 = 1
    func next(_ bound: Int) -> Int {
      seed = seed &* 6_364_136_223_846_793_005 &+ 1
      return Int(seed >> 33) % bound
    }
    var read = 0
    for round in 0..<600 {
      var bytes = contents[round % 2]
      if round % 3 == 0 { bytes.removeLast(next(bytes.count)) }
      for _ in 0..<next(4) where !bytes.isEmpty {
        bytes[next(bytes.count)] = round % 5 == 0 ? UInt8(next(256)) : Array(#"{}[]",:\ 0n"#.utf8)[next(11)]
      }
      let path = try folder.file("damaged", Data(bytes))
      do {
        let data = try TrainingData(
          path, groupField: round % 7 == 0 ? "label" : nil, dropsBadRows: round % 2 == 0)
        for index in 0..<data.count { _ = try data.example(at: index) }
        _ = try DataAudit(of: data).text()
        read += 1
      } catch let error as DatasetError {
        #expect(!error.description.isEmpty)
      }
    }
    #expect(read > 100 && read < 600)
  }
}
