import Foundation

/// Reading a folder that another process may replace meanwhile.
package enum WholeFolder {
  /// Reads files of a folder; again where the folder became another one in between, so that all are of one.
  /// - Throws: what `body` throws
  package static func read<R>(_ folder: URL, _ body: () throws -> R) throws -> R {
    for _ in 0..<20 {
      let before = number(of: folder)
      do {
        let result = try body()
        if number(of: folder) == before { return result }
      } catch {
        if number(of: folder) == before { throw error }
      }
    }
    return try body()
  }

  /// What the system counts it by; nil where it is not there.
  private static func number(of folder: URL) -> UInt64? {
    var found = stat()
    return stat(folder.path, &found) == 0 ? UInt64(found.st_ino) : nil
  }
}
