import Foundation

/// The texts of a folder and of the folders in it: `.md` and `.txt` files, in the order of their paths.
struct DocumentFolder {
  let paths: [String]
  /// What else is there and is not read.
  let notes: [String]

  /// - Throws: ``DatasetError/noDocuments(folder:found:)``
  init(_ path: String) throws {
    let root = URL(filePath: path, directoryHint: .isDirectory)
    guard
      let walk = FileManager.default.enumerator(
        at: root, includingPropertiesForKeys: [.isRegularFileKey], options: [.skipsHiddenFiles])
    else { throw DatasetError.unreadable(file: path) }
    var texts: [String] = []
    var others: [String] = []
    for case let url as URL in walk {
      guard try url.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile == true else { continue }
      if DataKind.documentEndings.contains(url.pathExtension.lowercased()) {
        texts.append(url.path)
      } else {
        others.append(url.lastPathComponent)
      }
    }
    others.sort()
    let shown = others.prefix(5).joined(separator: ", ") + (others.count > 5 ? ", …" : "")
    guard !texts.isEmpty else { throw DatasetError.noDocuments(folder: path, found: shown) }
    paths = texts.sorted()
    notes = others.isEmpty ? [] : ["not read: \(others.count) other files of the folder (\(shown))"]
  }
}
