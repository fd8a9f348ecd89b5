import Foundation

/// A set of rows that can be read again by their places: a file as it was when it was first read, or a copy of what
/// must be made readable first (compressed files, tables, folders of documents, standard input).
struct DataFile: Sendable {
  /// What errors call it.
  let path: String
  let stamp: Stamp
  /// How the rows lie in it.
  let layout: RowLayout
  /// What was found when it was made readable, for people.
  let notes: [String]
  /// The copy; nil when the file itself is read. It lives until nobody holds it.
  private let copy: OpenFile?

  /// What tells that a file is still the one that was read.
  struct Stamp: Sendable, Equatable {
    let size: Int
    let inode: UInt64
    let seconds: Int
    let nanoseconds: Int

    /// nil for what is not a regular file.
    init?(_ status: stat) {
      guard status.st_mode & S_IFMT == S_IFREG else { return nil }
      #if canImport(Darwin)
        let time = status.st_mtimespec
      #else
        let time = status.st_mtim
      #endif
      size = Int(status.st_size)
      inode = UInt64(status.st_ino)
      seconds = time.tv_sec
      nanoseconds = time.tv_nsec
    }
  }

  /// - Parameters:
  ///   - path: a file, a folder of documents, or `-` for standard input
  ///   - reading: what is known of the rows
  ///   - pieces: how documents are cut and packed; nil leaves each document whole
  /// - Throws: ``DatasetError`` for what cannot be read, or is of a format that is not taken
  init(_ path: String, reading: RowReading = RowReading(), pieces: DocumentPieces? = nil) throws {
    let opened = try OpenedData(path, reading: reading, pieces: pieces)
    self.path = opened.file.name
    guard let stamp = opened.file.stamp else { throw DatasetError.unreadable(file: path) }
    self.stamp = stamp
    layout = opened.layout
    notes = opened.notes
    copy = opened.isCopy ? opened.file : nil
  }

  /// Whether rows are of our own making, see ``ConvertedRow``.
  var isConverted: Bool { layout == .records || layout == .documents }

  /// - Throws: ``DatasetError/changed(file:)`` when it is not what it was
  func open() throws -> OpenFile {
    if let copy { return copy }
    guard let file = try? OpenFile(path), file.stamp == stamp else {
      throw DatasetError.changed(file: path)
    }
    return file
  }
}
