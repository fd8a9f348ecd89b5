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
        at: root, includingPropertiesForKeys: [.isSymbolicLinkKey], options: [.skipsHiddenFiles])
    else { throw DatasetError.unreadable(file: path) }
    var texts: [String] = []
    var others: [String] = []
    for case let url as URL in walk {
      var status = stat()
      guard stat(url.path, &status) == 0 else { throw DatasetError.unreadable(file: url.path) }
      if status.st_mode & S_IFMT == S_IFDIR {
        // A link to a folder could lead back here.
        let isLink = try url.resourceValues(forKeys: [.isSymbolicLinkKey]).isSymbolicLink == true
        if isLink { others.append(url.lastPathComponent + "/") }
        continue
      }
      if status.st_mode & S_IFMT == S_IFREG, DataKind.documentEndings.contains(url.pathExtension.lowercased())
      {
        texts.append(url.path)
      } else {
        others.append(url.lastPathComponent)
      }
    }
    others.sort()
    let shown = others.prefix(5).joined(separator: ", ") + (others.count > 5 ? ", …" : "")
    guard !texts.isEmpty else { throw DatasetError.noDocuments(folder: path, found: shown) }
    paths = texts.sorted()
    notes =
      others.isEmpty
      ? []
      : [
        "not read: \(others.count == 1 ? "1 other file" : "\(others.count) other files") of the folder (\(shown))"
      ]
  }
}
