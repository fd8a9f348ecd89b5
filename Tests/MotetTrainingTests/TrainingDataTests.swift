import Foundation
import MotetTraining
import Testing

@Suite struct TrainingDataTests {
  private let folder: DataFolder

  init() throws { folder = try DataFolder() }

  @Test func examplesAreThoseOfTheRowsInMemory() async throws {
    let base = try await TinyModel.load()
    let rows = [
      #"{"prompt": "what", "response": "the answer", "topic": "a"}"#, "", #"{"text": "in the house"}"#,
      #"{"instruction": "Add.", "input": "1 2", "output": "3"}"#, #"{"question": "a", "answer": ["b", "c"]}"#,
      #"{"text": "good \u00e9 \ud83d\ude00", "label": 1}"#,
      #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}"#,
    ]
    let list = "[\n" + rows.filter { !$0.isEmpty }.joined(separator: " ,\n ") + "\n]\n"
    for (name, content) in [
      ("a.jsonl", rows.joined(separator: "\r\n")), ("a.json", list), ("b.json", "\u{feff}" + list),
    ] {
      let path = try folder.file(name, content)
      let data = try TrainingData(files: [WeightedFile(path)], base: base)
      let dataset = try Dataset(contentsOf: path)
      let expected = try dataset.examples(for: base)
      #expect(data.count == 6)
      #expect(try (0..<6).map { try data.example(at: $0) } == expected)
      #expect((0..<6).map { data.tokenCount(at: $0) } == expected.map(\.tokens.count))
      #expect((0..<6).map { data.labelCount(at: $0) } == expected.map(\.labelCount))
      #expect(data.digest == dataset.digest)
    }
  }

  @Test func rowsOfSeveralFilesKeepTheirPlaces() throws {
    let data = try TrainingData(
      folder.questions("a", 3), folder.file("b.jsonl", "\n" + #"{"text": "in the"}"#))
    #expect(data.count == 4)
    #expect(data.place(at: 2).line == 3 && data.place(at: 3).line == 2)
    #expect(data.place(at: 3).file.hasSuffix("b.jsonl"))
    #expect(try data.decoded()[3] == "in the<|im_end|>")
  }

  @Test func rowsLongerThanAPieceAreWhole() throws {
    let long = String(repeating: "word ", count: 500_000)
    let path = try folder.file(
      #"{"text": "a b"}"# + "\n" + #"{"text": "\#(long)"}"# + "\n" + #"{"text": "c d"}"#)
    let data = try TrainingData(path, maximumLength: 128)
    #expect(data.count == 3)
    #expect(data.tokenCount(at: 1) == 128)
    #expect(try data.decoded()[2] == "c d<|im_end|>")
    #expect(data.report.total.truncatedRows == 1 && data.report.total.truncatedTokens > 500_000)
  }

  enum Change: CaseIterable { case replaced, grown, gone }

  @Test(arguments: Change.allCases)
  func aFileThatChangesIsNotReadOn(change: Change) throws {
    let path = try folder.questions("a", 3)
    let data = try TrainingData(path)
    _ = try data.example(at: 2)
    switch change {
    case .replaced: try Data(#"{"text": "other"}"#.utf8).write(to: URL(filePath: path))
    case .grown:
      let file = try FileHandle(forWritingTo: URL(filePath: path))
      try file.seekToEnd()
      try file.write(contentsOf: Data("\n".utf8))
    case .gone: try FileManager.default.removeItem(atPath: path)
    }
    #expect(throws: DatasetError.changed(file: path)) { try data.example(at: 0) }
    #expect(throws: DatasetError.changed(file: path)) { try DataAudit(of: data) }
  }

  @Test func groupsAreTheFieldsValues() throws {
    let path = try folder.file(
      #"{"text": "a b", "region": "north"}"# + "\n" + #"{"text": "c d"}"# + "\n"
        + #"{"text": "e f", "region": 7}"#)
    let data = try TrainingData(path, groupField: "region")
    #expect((0..<3).map { data.group(at: $0) } == ["north", nil, "7"])
    #expect(throws: DatasetError.unknownField(name: "regoin", file: path, found: ["region", "text"])) {
      try TrainingData(path, groupField: "regoin")
    }
  }

  @Test func aFieldThatNamesEachRowIsNoGroup() throws {
    let path = try folder.file((0...1000).map { #"{"text": "a b", "id": \#($0)}"# + "\n" }.joined())
    #expect(throws: DatasetError.tooManyGroups(field: "id", limit: 1000)) {
      try TrainingData(path, groupField: "id")
    }
  }

  @Test func lengthsTheModelHasNoPositionsForAreRefused() throws {
    let path = try folder.questions("a", 1)
    for length in [-1, 0, 1, 129, .max] {
      #expect(throws: DatasetError.maximumLength(value: length, context: 128)) {
        try TrainingData(path, maximumLength: length)
      }
    }
  }

  @Test func progressEndsAtTheEnd() throws {
    let paths = try [folder.questions("a", 300), folder.questions("b", 5)]
    var last: DataProgress?
    _ = try TrainingData(
      files: paths.map { WeightedFile($0) }, encoder: DataFolder.encoder(), onProgress: { last = $0 })
    let size = try paths.reduce(0) { try $0 + Data(contentsOf: URL(filePath: $1)).count }
    #expect(last?.file == paths[1] && last?.rows == 305)
    #expect(last?.bytesDone == size && last?.bytes == size)
  }
}
