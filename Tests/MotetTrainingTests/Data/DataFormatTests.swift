import Foundation
import Testing

@testable import MotetTraining

/// Files as people bring them.
@Suite struct DataFormatTests {
  private let folder: DataFolder

  init() throws { folder = try DataFolder() }

  private func pairs(_ path: String) throws -> [String] {
    let data = try TrainingData(path)
    let whole = try Dataset(contentsOf: path, for: DataFolder.encoder())
    // By way of the index, in another order than they stand, and at once.
    let again = try (0..<data.count).reversed().map { try data.parsed(data.entry(at: $0)).row }
    #expect(Array(again.reversed()) == whole.rows)
    return whole.rows.map { "\($0.line) \($0.prompt)|\($0.response)" }
  }

  private func gzip(_ path: String) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["gzip", "-k", path]
    try process.run()
    process.waitUntilExit()
    return path + ".gz"
  }

  @Test(arguments: [
    ("a.csv", "prompt,response\nhello,hi\n\"a, \"\"b\"\"\nc\",\"d\"\n"),
    ("a.csv", "\u{feff}prompt,response\r\nhello,hi\r\n\"a, \"\"b\"\"\nc\",d"),
    ("a.csv", "\"prompt\";\"response\"\nhello;hi\n\"a, \"\"b\"\"\nc\";d\n"),
    ("a.csv", "sep=;\nprompt;response\nhello;hi\n\"a, \"\"b\"\"\nc\";d\n"),
    ("a.tsv", "prompt\tresponse\nhello\thi\n\"a, \"\"b\"\"\nc\"\td\n"),
    ("noending", "question,answer\nhello,hi\n\"a, \"\"b\"\"\nc\",d\n"),
  ])
  func tablesAreRead(name: String, content: String) throws {
    let expected = ["2 hello|hi", "3 a, \"b\"\nc|d"]
    let path = try folder.file(name, content)
    #expect(try pairs(path) == expected)
    #expect(try pairs(gzip(path)) == expected)
  }

  /// Against Python's csv module, with the script Tests/Fixtures/tables.py.
  @Test func tablesAreWhatPythonReads() throws {
    struct Table: Decodable {
      let text: String
      let rows: [[String: String]]
    }
    let file = TinyModel.folder.appending(path: "../tables.json")
    let tables = try JSONDecoder().decode([Table].self, from: Data(contentsOf: file))
    #expect(tables.count == 60)
    for (index, table) in tables.enumerated() {
      let set = try Dataset(contentsOf: folder.file("\(index).csv", table.text))
      #expect(set.rows.map(\.prompt) == table.rows.map { $0["prompt"] })
      #expect(set.rows.map(\.response) == table.rows.map { $0["response"] })
    }
  }

  @Test(arguments: [
    ("a.csv", "prompt,response\na,b\nc\n", 3, "it has 1 fields where the header has 2"),
    ("a.csv", "prompt,response\na,b\nc,d,e\n", 3, "it has 3 fields where the header has 2"),
    ("a.csv", "prompt,response\na,b\n\"c,d\n", 3, "a quote opens a field there and does not close"),
    (
      "a.csv", "prompt,response\na,b\n\"c\" x,d\n", 3,
      "text follows a closing quote: double the quotes inside a field"
    ), ("a.csv", "prompt,prompt\na,b\n", 1, #"the column "prompt" stands twice"#),
    ("a.csv", "prompt,response\n\na,\n", 3, "the response is empty"),
    (
      "a.csv", "ask,reply\na,b\n", 2,
      "none of prompt/response, prompt/completion, messages, conversations, instruction/output, question/answer, "
        + "query/response, input/output, text is there; its columns are ask, reply: name them with --columns "
        + "prompt=…,response=…"
    ),
  ])
  func aRecordThatCannotBeUsedIsNamedByItsRow(name: String, content: String, line: Int, problem: String)
    throws
  {
    let path = try folder.file(name, content)
    #expect(throws: DatasetError.malformed(file: path, line: line, problem: problem)) {
      try TrainingData(path)
    }
  }

  @Test func bytesOfAnotherEncodingAreNamedWithTheirRow() throws {
    let table = try folder.file("a.csv", Data("prompt,response\na,b\ncaf".utf8) + [0xE9] + Data(",d\n".utf8))
    #expect(throws: DatasetError.notUTF8(file: table, line: 3)) { try TrainingData(table) }
    let lines = try folder.file(
      "b.jsonl",
      Data((#"{"prompt": "a", "response": "b"}"# + "\n{\"prompt\": \"caf").utf8) + [0xE9]
        + Data(#"", "response": "d"}"#.utf8))
    #expect(throws: DatasetError.notUTF8(file: lines, line: 2)) { try TrainingData(lines) }
    #expect(
      DatasetError.notUTF8(file: "F", line: 2).description
        == "F, row 2: it is not UTF-8 text: convert the file (iconv -f LATIN1 -t UTF-8)")
    #expect(try TrainingData(table, dropsBadRows: true).report.files[0].dropped.map(\.lines) == [[3]])
  }

  @Test(arguments: [
    "{\n  \"prompt\": \"a\",\n  \"response\": \"b {\"\n}\n{\n  \"prompt\": \"c\",\n  \"response\": \"d\"\n}\n",
    "{\r\n  \"prompt\": \"a\",\r\n  \"response\": \"b {\"\r\n},\r\n\r\n{\"prompt\": \"c\", \"response\": \"d\"}",
    #"{"prompt": "a", "response": "b {"}{"prompt": "c", "response": "d"}"#,
    "[\n{\"prompt\": \"a\",\n \"response\": \"b {\"},\n{\"prompt\": \"c\", \"response\": \"d\"}\n]",
    #"{"data": [{"prompt": "a", "response": "b {"}, {"prompt": "c", "response": "d"}]}"#,
    "{\n \"version\": \"1]\",\n \"meta\": {\"data\": [1]},\n \"data\": [\n{\"prompt\": \"a\", \"response\": \"b {\"}, "
      + "{\"prompt\": \"c\", \"response\": \"d\"}\n], \"n\": 2}\n",
    #"{"train": [{"prompt": "a", "response": "b {"}, {"prompt": "c", "response": "d"}], "n": 3}"#,
    "\u{feff}{\"prompt\": \"a\", \"response\": \"b {\"}\r\n{\"prompt\": \"c\", \"response\": \"d\"}",
  ])
  func jsonIsReadHoweverItIsLaidOut(content: String) throws {
    for name in ["a.json", "a.jsonl", "b"] {
      let path = try folder.file(name, content)
      #expect(try pairs(path) == ["1 a|b {", "2 c|d"])
      let compressed = try gzip(path)
      #expect(try pairs(compressed) == ["1 a|b {", "2 c|d"])
      try FileManager.default.removeItem(atPath: compressed)
    }
  }

  @Test func aFileOfSeveralListsSaysSo() throws {
    let path = try folder.file("a.json", #"{"train": [{"text": "a"}], "dev": [{"text": "b"}]}"#)
    #expect(throws: DatasetError.severalLists(file: path, names: ["train", "dev"])) { try TrainingData(path) }
    // One conversation over several lines is a row, and not a wrapper.
    let one = try folder.file(
      "b.json",
      "{\n\"messages\": [\n{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"assistant\", \"content\": \"b\"}]}"
    )
    #expect(try pairs(one) == ["1 a|b"])
  }

  @Test func aRowThatSpansLinesIsNamedByItsPlace() throws {
    let path = try folder.file(
      "{\n\"prompt\": \"a\",\n\"response\": \"b\"\n}\n{\n\"prompt\": \"a\"\n}\n{\n\"text\": \"c\"}")
    #expect(
      throws: DatasetError.malformed(
        file: path, line: 2, problem: #""response" is missing; its columns are prompt"#)
    ) { try TrainingData(path) }
    #expect(try TrainingData(path, dropsBadRows: true).count == 2)
  }

  @Test func aPipeIsReadOnceAndItsRowsAgain() throws {
    let path = folder.url.appending(path: "pipe").path
    #expect(mkfifo(path, 0o600) == 0)
    let content = #"{"prompt": "a", "response": "b"}"# + "\n" + #"{"prompt": "c", "response": "d"}"#
    let writer = Thread {
      try? FileHandle(forWritingTo: URL(filePath: path)).write(contentsOf: Data(content.utf8))
    }
    writer.start()
    let data = try TrainingData(path)
    #expect(try (0..<2).map { try data.parsed(data.entry(at: $0)).row.prompt } == ["a", "c"])
  }

  @Test(arguments: [
    ("a.parquet", Data("PAR1....PAR1".utf8), "read_parquet"),
    ("a.arrow", Data("ARROW1..".utf8), "read_feather"),
    ("a.xlsx", Data([0x50, 0x4B, 3, 4, 0, 0]), "read_excel"),
    ("a.zip", Data([0x50, 0x4B, 3, 4, 0, 0]), "unzip"),
    ("a.db", Data("SQLite format 3\0".utf8), "sqlite3 -csv"),
    ("a.pkl", Data([0x80, 4, 0x95, 0]), "read_pickle"),
    ("a.jsonl.zst", Data([0x28, 0xB5, 0x2F, 0xFD]), "zstd -d"),
    ("a.csv", Data([0xFF, 0xFE, 0x41, 0]), "iconv -f UTF-16"),
    ("a.jsonl", Data("version https://git-lfs.github.com/spec/v1\n".utf8), "git lfs pull"),
    ("a.jsonl", Data("\n<!DOCTYPE html><html>".utf8), "a web page"),
    ("a.bin", Data([1, 2, 0, 3]), "binary data"),
  ])
  func aFormatThatIsNotReadSaysWhatTurnsItIntoOne(name: String, content: Data, command: String) throws {
    let path = try folder.file(name, content)
    let error = #expect(throws: DatasetError.self) { try TrainingData(path) }
    #expect(error?.description.contains(command) == true)
    #expect(error?.description.contains("\n") == false)
  }

  @Test func aDamagedGzipIsAnError() throws {
    let rows = (0..<500).map { #"{"prompt": "p\#($0 * 7919)", "response": "r"}"# + "\n" }.joined()
    let path = try gzip(folder.file("a.jsonl", rows))
    let whole = try Data(contentsOf: URL(filePath: path))
    #expect(try TrainingData(path).count == 500)
    try whole.dropLast(20).write(to: URL(filePath: path))
    #expect(throws: DatasetError.damaged(file: path, problem: "it ends too early")) { try TrainingData(path) }
    var flipped = whole
    flipped[whole.count - 6] ^= 1
    try flipped.write(to: URL(filePath: path))
    #expect(throws: DatasetError.self) { try TrainingData(path) }
    // Two members one after another are one file, as gzip has it.
    try (whole + whole).write(to: URL(filePath: path))
    #expect(try TrainingData(path).count == 1000)
  }

  @Test func nothingIsLeftInTheTemporaryFolder() throws {
    let before = try FileManager.default.contentsOfDirectory(
      atPath: FileManager.default.temporaryDirectory.path)
    let data = try TrainingData(folder.file("a.csv", "prompt,response\na,b\n"))
    let during = try FileManager.default.contentsOfDirectory(
      atPath: FileManager.default.temporaryDirectory.path)
    #expect(try data.example(at: 0).labelCount == 2)
    #expect(!Set(during).subtracting(before).contains { $0.hasPrefix("motet-rows-") })
  }

  /// Whatever is done to a table, reading it ends with rows or with an error.
  @Test func damagedTablesNeverCrash() throws {
    let content = Array("prompt,response,system\n\"a, \"\"b\"\"\nc\",d,s\nhello,hi,\n\"x\"\"\",y,z\n".utf8)
    var seed: UInt64 = 1
    func next(_ bound: Int) -> Int {
      seed = seed &* 6_364_136_223_846_793_005 &+ 1
      return Int(seed >> 33) % bound
    }
    var read = 0
    for round in 0..<300 {
      var bytes = content
      if round % 3 == 0 { bytes.removeLast(next(bytes.count)) }
      for _ in 0..<next(4) where !bytes.isEmpty {
        bytes[next(bytes.count)] = round % 5 == 0 ? UInt8(next(256)) : Array(",\"\n\r;a".utf8)[next(6)]
      }
      let path = try folder.file("damaged.csv", Data(bytes))
      do {
        let data = try TrainingData(path, dropsBadRows: round % 2 == 0)
        for index in 0..<data.count { _ = try data.example(at: index) }
        read += 1
      } catch let error as DatasetError {
        #expect(!error.description.isEmpty)
      }
    }
    #expect(read > 30 && read < 300)
  }
}
