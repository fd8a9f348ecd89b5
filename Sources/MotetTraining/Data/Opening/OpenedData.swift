import Foundation

/// A file, folder or stream made ready to be read row by row.
struct OpenedData {
  private(set) var file: OpenFile
  private(set) var layout = RowLayout.lines
  private(set) var notes: [String] = []
  /// Whether ``file`` is a copy of our own making.
  private(set) var isCopy = false

  init(_ path: String, reading: RowReading, pieces: DocumentPieces?) throws {
    if path == "-" {
      file = try SpoolFile.copy(of: OpenFile(dup(STDIN_FILENO), name: "standard input"))
      isCopy = true
    } else {
      var status = stat()
      guard stat(path, &status) == 0 else { throw DatasetError.unreadable(file: path) }
      switch status.st_mode & S_IFMT {
      case S_IFREG: file = try OpenFile(path)
      case S_IFIFO:
        file = try SpoolFile.copy(of: OpenFile(path))
        isCopy = true
      case S_IFDIR:
        let folder = try DocumentFolder(path)
        let made = try DocumentSpool.rows(of: folder.paths, named: path, pieces: pieces)
        (file, layout, isCopy) = (made.file, .documents, true)
        notes = [made.note] + folder.notes
        return
      // A device may have no end.
      default: throw DatasetError.notAFile(file: path)
      }
    }
    if try file.bytes(from: 0, atMost: 2) == [0x1F, 0x8B] {
      file = try SpoolFile.gunzipped(file)
      isCopy = true
    }
    switch try DataKind(of: file, path: path, reading: reading) {
    case .rows: layout = try RowLayout(of: file, columns: reading.columns)
    case .prompts: layout = .plainLines
    case .table(let separator):
      file = try TableReader.rows(of: file, separator: separator)
      (layout, isCopy) = (.records, true)
    case .document:
      let made = try DocumentSpool.rows(of: file, pieces: pieces)
      (file, layout, isCopy, notes) = (made.file, .documents, true, [made.note])
    }
  }
}
