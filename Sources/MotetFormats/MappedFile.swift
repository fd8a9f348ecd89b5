import Foundation

/// A file mapped into memory, read-only: its bytes cost no heap and are paged in when touched.
///
/// The mapping lives as long as the value. Another process that shortens the file while it is mapped
/// takes the bytes away (the kernel answers with SIGBUS); files written by ``AtomicFile`` are replaced,
/// never shortened.
public final class MappedFile: Sendable {
  /// The file's length in bytes.
  public let count: Int
  /// The path it was opened by, for errors.
  public let path: String
  /// The mapping's address as a number; zero for an empty file, which cannot be mapped.
  private let address: UInt

  /// Maps the file at `url`. Throws ``FormatError/unreadable(file:reason:)`` for anything but a regular file.
  public init(contentsOf url: URL) throws {
    path = url.path
    // Without O_NONBLOCK opening a named pipe would wait for a writer for ever.
    let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw FormatError.unreadable(file: path, reason: systemReason(errno))
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw FormatError.unreadable(file: path, reason: systemReason(errno))
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      let kind =
        status.st_mode & S_IFMT == S_IFDIR ? "it is a folder, not a file" : "it is not a regular file"
      throw FormatError.unreadable(file: path, reason: kind)
    }
    guard let length = Int(exactly: status.st_size) else {
      throw FormatError.unreadable(file: path, reason: "it is too large to map")
    }
    count = length
    guard length > 0 else {
      address = 0
      return
    }
    guard let start = mmap(nil, length, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
      throw FormatError.unreadable(file: path, reason: systemReason(errno))
    }
    address = UInt(bitPattern: start)
  }

  deinit {
    if count > 0 { munmap(UnsafeMutableRawPointer(bitPattern: address), count) }
  }

  /// Lends the whole file. The pointer is valid inside `body` only.
  public func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    try withExtendedLifetime(self) {
      try body(UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: address), count: count))
    }
  }

  /// Takes the pages of `range` out of this process's memory, and those that the system put beside them when one was
  /// touched; they are read again when touched.
  func releasePages(_ range: Range<Int>) {
    guard count > 0, !range.isEmpty else { return }
    let page = UInt(getpagesize())
    // Linux maps a whole window of this size around a page that is touched (fault_around_bytes).
    let window = max(page, 65_536)
    let last = (address + UInt(count) + page - 1) / page * page
    let first = max(address, (address + UInt(range.lowerBound)) / window * window)
    let end = min(last, (address + UInt(range.upperBound) + window - 1) / window * window)
    // Advice only: where it is not followed, memory is merely reported as ours.
    _ = madvise(UnsafeMutableRawPointer(bitPattern: first), Int(end - first), MADV_DONTNEED)
  }
}
