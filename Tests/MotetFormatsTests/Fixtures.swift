import Foundation
import Testing

@testable import MotetFormats

/// Files made by `Tests/Fixtures/formats_interop.py`.
enum Fixtures {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/formats")

  static func url(_ name: String) -> URL { folder.appendingPathComponent(name) }

  static var realModel: URL {
    let home = ProcessInfo.processInfo.environment["MOTET_HOME"] ?? NSHomeDirectory() + "/.motet"
    return URL(fileURLWithPath: home)
      .appendingPathComponent("models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf")
  }

  static var hasRealModel: Bool { FileManager.default.fileExists(atPath: realModel.path) }
}

/// A folder for one test, gone afterwards.
func withTemporaryFolder<R>(_ body: (URL) throws -> R) throws -> R {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("motet-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}

/// A file of `bytes` for one test.
func withFile<R>(_ bytes: Data, _ body: (URL) throws -> R) throws -> R {
  try withTemporaryFolder { folder in
    let url = folder.appendingPathComponent("file")
    try bytes.write(to: url)
    return try body(url)
  }
}

/// The error that `body` throws, as one line; the test fails if there is none or it has several lines.
func refusal(_ body: () throws -> Void) -> String {
  do {
    try body()
    Issue.record("nothing was refused")
    return ""
  } catch let error as FormatError {
    #expect(!error.description.contains("\n"))
    return error.description
  } catch {
    Issue.record("not a FormatError: \(error)")
    return ""
  }
}

/// A safetensors file with this header over `data`.
func safetensors(_ header: String, data: Data = Data(), length: UInt64? = nil) -> Data {
  withUnsafeBytes(of: (length ?? UInt64(header.utf8.count)).littleEndian) { Data($0) } + Data(header.utf8)
    + data
}

/// The parts of a GGUF file, put together by hand so that they can be wrong.
struct GGUFBytes {
  var data = Data("GGUF".utf8)

  init(version: UInt32 = 3, tensors: UInt64 = 0, pairs: UInt64 = 0) {
    add(version)
    add(tensors)
    add(pairs)
  }

  mutating func add<T: FixedWidthInteger>(_ value: T) {
    withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) }
  }

  mutating func add(_ text: String) {
    add(UInt64(text.utf8.count))
    data.append(contentsOf: text.utf8)
  }

  mutating func tensor(_ name: String, _ dimensions: [UInt64], type: UInt32, offset: UInt64) {
    add(name)
    add(UInt32(dimensions.count))
    for dimension in dimensions { add(dimension) }
    add(type)
    add(offset)
  }

  /// The file, padded to the alignment, with `count` bytes of data.
  func file(data count: Int = 0) -> Data {
    data + Data(count: (32 - data.count % 32) % 32) + Data(count: count)
  }
}
