import Foundation

/// A temporary file that has no name: it goes with the process, however that ends.
///
///     let spool = try SpoolFile(for: "standard input")
///     try spool.write(piece)
///     let file = try spool.finished()
final class SpoolFile {
  private let descriptor: Int32
  /// What errors call the copy: the name of what is copied.
  private let name: String
  private var buffer: [UInt8] = []
  private var isTaken = false

  init(for name: String) throws {
    self.name = name
    let folder = FileManager.default.temporaryDirectory
    var template = Array(folder.appending(path: "motet-rows-XXXXXX").path.utf8CString)
    descriptor = mkstemp(&template)
    guard descriptor >= 0 else { throw Self.failure(name) }
    unlink(template)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
  }

  deinit { if !isTaken { close(descriptor) } }

  func write(_ bytes: some Collection<UInt8>) throws {
    buffer += bytes
    if buffer.count >= 1 << 20 { try flush() }
  }

  /// The file, to be read.
  func finished() throws -> OpenFile {
    try flush()
    isTaken = true
    return OpenFile(descriptor, name: name)
  }

  private func flush() throws {
    try buffer.withUnsafeBytes { bytes in
      var done = 0
      while done < bytes.count {
        let written = Foundation.write(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
        if written > 0 { done += written } else if errno != EINTR { throw Self.failure(name) }
      }
    }
    buffer.removeAll(keepingCapacity: true)
  }

  private static func failure(_ name: String) -> DatasetError {
    .cannotCopy(
      file: name, folder: FileManager.default.temporaryDirectory.path,
      problem: String(cString: strerror(errno)))
  }
}

extension SpoolFile {
  /// A copy of what can be read once only.
  static func copy(of file: OpenFile) throws -> OpenFile {
    let spool = try SpoolFile(for: file.name)
    while true {
      let piece = try file.next(1 << 20)
      if piece.isEmpty { return try spool.finished() }
      try spool.write(piece)
    }
  }
}
