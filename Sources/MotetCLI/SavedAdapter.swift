import Foundation
import Motet

extension AdapterWeights {
  /// Writes an adapter that a command made: as the newest version of `name` in the library, or into the folder
  /// `output`.
  /// - Returns: the version as `math@3`, or the folder
  func save(name: String?, output: String?, record: AdapterRecord) throws -> String {
    if let name {
      return try AdapterLibrary().add(name) { try write(to: $0, record: record) }.description
    }
    let folder = URL(filePath: output ?? "")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try write(to: folder, record: record)
    return folder.relativePath
  }
}
