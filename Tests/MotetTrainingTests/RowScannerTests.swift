import Foundation
import Testing

@testable import MotetTraining

@Suite struct RowScannerTests {
  private let folder: DataFolder

  init() throws { folder = try DataFolder() }

  private func rows(_ content: String, longestRow: Int = RowScanner.longestRow) throws -> [RowScanner.Row] {
    var scanner = try RowScanner(OpenFile(folder.file(content)), longestRow: longestRow)
    var rows: [RowScanner.Row] = []
    while let row = try scanner.next() { rows.append(row) }
    return rows
  }

  @Test func rangesAreThoseOfTheRowsInTheFile() throws {
    for content in ["{\"a\":1}\n\n  {\"b\": [2]} \r\n{}", "\n[ {\"a\":1},\n {\"b\":\"]},[\\\"\"} , 3 ]\n"] {
      let bytes = Array(content.utf8)
      for row in try rows(content) { #expect(row.bytes.map(Array.init) == Array(bytes[row.range])) }
    }
    #expect(try rows("{\"a\":1}\n\n  {\"b\": [2]} \r\n{}").map(\.line) == [1, 3, 4])
    #expect(
      try rows("\n[ {\"a\":1},\n {\"b\":\"]},[\\\"\"} , 3 ]\n").map {
        String(decoding: $0.bytes ?? Data(), as: UTF8.self)
      }
        == [#"{"a":1}"#, #"{"b":"]},[\""}"#, "3"])
  }

  /// However large the file, no more than the row under way and two pieces are held.
  @Test(arguments: [true, false])
  func onlyAPieceOfTheFileIsHeld(isList: Bool) throws {
    let row = #"{"text": ""# + String(repeating: "ab ", count: 3000) + "\"}"
    let count = 2000
    let path = try folder.file(
      (isList ? "[" : "") + (0..<count).map { _ in row }.joined(separator: isList ? "," : "\n")
        + (isList ? "]" : ""))
    var scanner = try RowScanner(OpenFile(path))
    var seen = 0
    while let next = try scanner.next() {
      seen += 1
      #expect(next.range.count == row.utf8.count)
      if scanner.buffer.capacity > 3 * RowScanner.pieceSize {
        Issue.record("\(scanner.buffer.capacity) bytes")
      }
    }
    #expect(seen == count && scanner.bytesDone > 15 * RowScanner.pieceSize)
    #expect(MemoryLayout<RowIndex.Entry>.stride <= 48)
  }

  @Test func aRowWithoutEndIsNotGathered() throws {
    let long = String(repeating: "x", count: 5 << 20)
    for content in ["{}\n\(long)\n{}", "[{},\"\(long)\",{}]"] {
      let rows = try rows(content, longestRow: 1 << 20)
      #expect(rows.map(\.line) == [1, 2, 3])
      #expect(rows.map { $0.bytes?.count } == [2, nil, 2])
    }
  }
}
