import Foundation
import Testing

@testable import MotetTraining

/// Folders of texts.
@Suite struct DocumentTests {
  private let folder: DataFolder

  init() throws { folder = try DataFolder() }

  private func write(_ name: String, _ text: String) throws {
    let url = folder.url.appending(path: "docs").appending(path: name)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: url)
  }

  private var path: String { folder.url.appending(path: "docs").path }

  /// The documents that rows hold, put together again at their ends.
  private func documents(_ data: TrainingData) throws -> [String] {
    var documents = [""]
    for index in 0..<data.count {
      let row = try data.parsed(data.entry(at: index)).row
      guard case .text(let text) = row.content, let parts = row.documents else { continue }
      for part in parts.parts(of: text) {
        documents[documents.count - 1] += part.text
        if part.ends { documents.append("") }
      }
    }
    #expect(documents.last == "")
    return documents.dropLast()
  }

  @Test func documentsArePackedAndLongOnesCutAndNothingIsLost() throws {
    let words = "the answer is in the house and it rains ü 😀".split(separator: " ")
    var seed: UInt64 = 7
    func next(_ bound: Int) -> Int {
      seed = seed &* 6_364_136_223_846_793_005 &+ 1
      return Int(seed >> 33) % bound
    }
    var expected: [String] = []
    for number in 0..<40 {
      let count = number % 7 == 0 ? 400 + next(3000) : 1 + next(30)
      let text = (0..<count).map { _ in words[next(words.count)] + ["", "\n", "\n\n", ","][next(4)] }
        .joined(separator: number % 5 == 0 ? "" : " ")
      expected.append(text)
      try write(String(format: "%02d/%02d.%@", number / 10, number, number % 2 == 0 ? "md" : "txt"), text)
    }
    for limit in [64, 128] {
      let data = try TrainingData(path, maximumLength: limit)
      #expect(try documents(data) == expected)
      #expect(data.report.total.truncatedRows == 0 && data.report.total.lengths.maximum <= limit)
      // Packed: two rows after one another have more tokens together than one may have, or one is a piece.
      let encoder = try DataFolder.encoder()
      let end = try #require(encoder.tokenizer.eos)
      let tokens = (0..<data.count).reduce(0) { $0 + data.tokenCount(at: $1) }
      #expect(data.count < 2 * tokens / limit)
      // Each document has one end, with a label, and every other token but the first of a part has one.
      let examples = try (0..<data.count).map { try data.example(at: $0) }
      let ends = examples.flatMap { zip($0.tokens, $0.labelled).filter { $0.0 == end } }
      #expect(ends.count == expected.count && ends.allSatisfy(\.1))
      let parts = try (0..<data.count).reduce(0) {
        try $0 + (data.parsed(data.entry(at: $1)).row.documents?.lengths.count ?? 0)
      }
      #expect(data.report.total.labelledTokens == tokens - parts)
    }
    #expect(try TrainingData(path).report.noteLines.first == "\(path): 40 documents")
  }

  @Test func aTextWithoutPlacesToCutIsCutBetweenCharacters() throws {
    let text = String(repeating: "ü😀x", count: 3000)
    try write("a.txt", text)
    let data = try TrainingData(path, maximumLength: 32)
    #expect(try documents(data) == [text])
    #expect(data.report.total.lengths.maximum <= 32)
  }

  @Test func whatIsNotReadIsSaid() throws {
    try write("a.txt", "the house")
    try write("b.md", " \n")
    try write("c.pdf", "x")
    try write(".hidden.txt", "x")
    try FileManager.default.createSymbolicLink(
      at: folder.url.appending(path: "docs/linked.txt"),
      withDestinationURL: folder.url.appending(path: "docs/a.txt"))
    let data = try TrainingData(path)
    let tokens = try DataFolder.encoder().tokenizer.encode("the house").count
    #expect(data.count == 1 && data.tokenCount(at: 0) == 2 * (tokens + 1))
    #expect(
      data.report.noteLines == [
        "\(path): 2 documents; 1 empty left out", "\(path): not read: 1 other file of the folder (c.pdf)",
        "\(path): read as text",
      ])
    try write("d.txt", "x")
    try Data([0x61, 0xE9]).write(to: folder.url.appending(path: "docs/d.txt"))
    let error = #expect(throws: DatasetError.self) { try TrainingData(path) }
    #expect(error?.description.contains("docs/d.txt is not UTF-8 text") == true)
    // A document that is left out parts what stands before it from what stands after it.
    let rest = try TrainingData(path, dropsBadRows: true)
    #expect(rest.count == 2 && rest.tokenCount(at: 0) == tokens + 1 && rest.tokenCount(at: 1) == tokens + 1)
  }

  @Test func aFolderWithoutTextsIsAnError() throws {
    try write("a.jsonl", "{}")
    #expect(throws: DatasetError.noDocuments(folder: path, found: "a.jsonl")) { try TrainingData(path) }
  }

  @Test func aTextFileIsADocument() throws {
    let one = try folder.file("a.txt", "the answer, and the house")
    #expect(try TrainingData(one).decoded() == ["the answer, and the house<|im_end|>"])
    let rows = try folder.file("b.txt", #"{"prompt": "a", "response": "b"}"#)
    #expect(try TrainingData(rows).report.files[0].shape == "prompt/response")
  }
}
