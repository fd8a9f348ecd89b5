import Foundation
import MotetFormats
import Testing

@testable import MotetTraining

@Suite struct TensorBoardLogTests {
  /// RFC 3720, appendix B.4.
  @Test(
    arguments: [
      ([UInt8](repeating: 0, count: 32), 0x8A91_36AA), ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
      ([UInt8](0..<32), 0x46DD_794E), ([UInt8]((0..<32).reversed()), 0x113F_DB5C), ([], 0),
    ] as [([UInt8], UInt32)])
  func checksumsAreCastagnolis(_ bytes: [UInt8], _ expected: UInt32) {
    #expect(CRC32C.checksum(bytes) == expected)
  }

  /// Lines that Tests/Fixtures/tensorboard_records.py printed.
  static let records = [
    "1800000000000000a37f4b220900002040fc54d9411a0d627261696e2e4576656e743a322b353110",
    "100000000000000095fbfe180900002040fc54d94110ac023a020801b94512a3",
    "33000000000000000ca720560900002040fc54d94110ac022a250a110a0a747261696e2f6c6f7373150000c03f0a100a"
      + "096576616c2f6c6f737315000080be04c253bb",
    "34000000000000005e33175c0900002040fc54d9412a290a270a0873657474696e6773420f0807120412020801420561"
      + "207c20624a0a0a060a04746578742002374e1cf9",
  ]

  @Test func recordsAreThoseOfTensorBoardsOwnWriter() {
    let contents: [(Int, TensorBoardEvent.Content)] = [
      (0, .version), (300, .start), (300, .scalars([("train/loss", 1.5), ("eval/loss", -0.25)])),
      (0, .text(tag: "settings", "a | b")),
    ]
    for ((step, content), expected) in zip(contents, Self.records) {
      let event = TensorBoardEvent(wallTime: 1_700_000_000.5, step: step, content: content)
      #expect(hexadecimal(TFRecord.frame(event.bytes)) == expected)
    }
  }

  @Test func aRunAppendsAsItGoes() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "motet-\(UUID())/board")
    defer { try? FileManager.default.removeItem(at: folder.deletingLastPathComponent()) }
    let time = Date(timeIntervalSince1970: 1_700_000_000.5)
    let log = try TensorBoardLog(folder: folder, time: time)
    #expect(log.url.lastPathComponent.hasPrefix("events.out.tfevents.1700000000."))
    #expect(log.url.lastPathComponent.hasSuffix(".\(getpid()).0"))
    #expect(hexadecimal(try Data(contentsOf: log.url)) == Self.records[0])
    try log.scalars([("train/loss", 1.5), ("eval/loss", -0.25)], step: 300, time: time)
    #expect(hexadecimal(try Data(contentsOf: log.url)) == Self.records[0] + Self.records[2])
  }

  @Test func aRunThatGoesOnBeginsALaterFileThatSaysFromWhere() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "motet-\(UUID())")
    defer { try? FileManager.default.removeItem(at: folder) }
    let time = Date(timeIntervalSince1970: 1_700_000_000.5)
    let first = try TensorBoardLog(folder: folder, time: time)
    let second = try TensorBoardLog(folder: folder, resumingAt: 300, time: time)
    #expect(first.url.lastPathComponent < second.url.lastPathComponent)
    #expect(hexadecimal(try Data(contentsOf: first.url)) == Self.records[0])
    #expect(hexadecimal(try Data(contentsOf: second.url)) == Self.records[0] + Self.records[1])
  }

  @Test func stepsAndSettingsKeepTheirNames() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "motet-\(UUID())")
    defer { try? FileManager.default.removeItem(at: folder) }
    let log = try TensorBoardLog(folder: folder)
    try log.record(
      step: 1, loss: 2, smoothedLoss: 2, learningRate: 1e-4, gradientNorm: 3, tokensPerSecond: 50)
    try log.record(validationNLL: 1.5, step: 1)
    try log.record(settings: [("targets", "a|b")])
    let text = String(decoding: try Data(contentsOf: log.url), as: UTF8.self)
    for tag in [
      "train/loss", "train/loss_smoothed", "train/learning_rate", "train/grad_norm",
      "train/tokens_per_second", "eval/loss", "| targets | a\\|b |",
    ] {
      #expect(text.contains(tag), "no \(tag)")
    }
  }

  @Test func aFolderThatCannotBeMadeIsNamed() {
    let error = #expect(throws: FormatError.self) {
      try TensorBoardLog(folder: URL(filePath: "/dev/null/board"))
    }
    #expect("\(error.map { "\($0)" } ?? "")".hasPrefix("/dev/null/board: not written: "))
  }

  private func hexadecimal(_ data: Data) -> String { data.map { String(format: "%02x", $0) }.joined() }
}
