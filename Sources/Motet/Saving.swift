import Foundation
import MotetAdapters

extension Adapter {
  /// Writes a PEFT folder with a record (`motet.json`), whole or not at all. An adapter of Motet's that is there gives way,
  /// unless `overwriting` is false.
  /// - Throws: ``AdapterWeightsError``, `OwnedFolderError` for a folder that holds anything else, or `FormatError`, naming
  ///   the file; the old adapter then stays
  public func save(to path: String, overwriting: Bool = true) throws {
    try weights.save(
      to: URL(filePath: path), record: record ?? AdapterRecord(motet: motetVersion), overwriting: overwriting)
  }
}
