import Foundation
import MotetFormats

/// What a command that trains several adapters keeps of itself in its folder, so that it goes on where it was.
protocol KeptTable: Codable {
  /// `comparison.json`
  static var file: String { get }
  static func damaged(_ file: String) -> any Error
}

extension KeptTable {
  /// The one in a folder; nil when there is none.
  /// - Throws: ``damaged(_:)``
  static func kept(in folder: URL) throws -> Self? {
    let url = folder.appending(path: file)
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    do { return try decoder.decode(Self.self, from: Data(contentsOf: url)) } catch {
      throw damaged(url.relativePath)
    }
  }

  func keep(in folder: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    try AtomicFile.write(try encoder.encode(self), to: folder.appending(path: Self.file))
  }
}
