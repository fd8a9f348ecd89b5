import Foundation
import Testing

@testable import MotetTraining

@Suite struct DataReportTests {
  private let folder: DataFolder

  init() throws { folder = try DataFolder() }

  @Test func countsLengthsAndDuplicatesAreThoseOfTheRows() throws {
    // With the tiny vocabulary "ijk…" is one token a letter; the end follows, and the first has no label.
    func row(_ length: Int) -> String { #"{"text": "\#(String("zyxwvqjkpf".prefix(length)))"}"# + "\n" }
    let first = try folder.file("a.jsonl", (2...9).map(row).joined() + row(4))
    let second = try folder.file("b.jsonl", row(10) + row(3))
    let report = try TrainingData(first, second, maximumLength: 8).report
    let lengths = [3, 4, 5, 6, 7, 8, 8, 8, 5, 8, 4]
    #expect(report.total.rows == 11 && report.total.tokens == lengths.reduce(0, +))
    #expect(report.total.labelledTokens == report.total.tokens - 11)
    #expect(report.total.truncatedRows == 3 && report.total.truncatedTokens == 1 + 2 + 3)
    let expected = DataReport.Lengths(minimum: 3, median: 6, p90: 8, p99: 8, maximum: 8, mean: 66.0 / 11)
    #expect(report.total.lengths == expected)
    #expect(report.total.duplicates == 2)
    #expect(
      report.duplicates == [
        .init(file: first, line: 9, firstFile: first, firstLine: 3),
        .init(file: second, line: 2, firstFile: first, firstLine: 2),
      ])
    #expect(report.files.map(\.counts.rows) == [9, 2] && report.files.map(\.counts.duplicates) == [1, 1])
    let text = report.text()
    #expect(text.contains("11 rows, 66 tokens, 55 of them labelled (83%)"))
    #expect(text.contains("cut: 3 rows (27%), 6 tokens lost"))
    #expect(text.contains("\(second):2 repeats \(first):2"))
  }

  @Test func itSurvivesJSON() throws {
    let path = try folder.file(#"{"text": "a b"}"# + "\n{}\n" + #"{"text": "a b"}"#)
    let report = try TrainingData(path, dropsBadRows: true).report
    #expect(try JSONDecoder().decode(DataReport.self, from: JSONEncoder().encode(report)) == report)
    #expect(report.droppedRows == 1)
  }

  @Test func manyDuplicatesAreFoundBySorting() throws {
    let path = try folder.file((0..<6000).map { #"{"text": "row \#($0 % 5990)"}"# + "\n" }.joined())
    let report = try TrainingData(path).report
    #expect(report.total.duplicates == 10)
    #expect(report.duplicates.map(\.line) == Array(5991...6000))
    #expect(report.duplicates.map(\.firstLine) == Array(1...10))
  }
}
