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

  /// Refuses a folder in which files of those names are somebody else's.
  /// - Parameter others: what is written beside the table
  /// - Throws: ``TrainingError/holdsOther(folder:file:)``
  static func requireOwn(in folder: URL, beside others: [String]) throws {
    func refusal(_ name: String) -> TrainingError { .holdsOther(folder: folder.relativePath, file: name) }
    let place = folder.appending(path: file)
    guard FileManager.default.fileExists(atPath: place.path) else {
      let other = others.first { FileManager.default.fileExists(atPath: folder.appending(path: $0).path) }
      if let other { throw refusal(other) }
      return
    }
    // One of an earlier version cannot be read, and is a table all the same.
    let isTable = (try? Data(contentsOf: place))?.range(of: Data("\"settings\"".utf8)) != nil
    if !isTable { throw refusal(file) }
  }

  func keep(in folder: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    try AtomicFile.write(try encoder.encode(self), to: folder.appending(path: Self.file))
  }
}
