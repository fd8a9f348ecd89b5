import Foundation
import MotetAdapters

extension Adapter {
  /// Writes a PEFT folder, with the record (`motet.json`) beside it when there is one.
  /// - Throws: ``AdapterWeightsError`` or `FormatError`, naming the file; the old adapter then stays
  public func save(to path: String) throws {
    let folder = URL(filePath: path)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try weights.write(to: folder, record: record)
  }
}
