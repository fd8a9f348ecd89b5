import Foundation

/// A file mapped into memory, read-only: its bytes cost no heap and are paged in when touched.
///
/// The mapping lives as long as the value. Another process that shortens the file while it is mapped
/// takes the bytes away (the kernel answers with SIGBUS); files written by ``AtomicFile`` are replaced,
/// never shortened. What is wanted once, and elsewhere, is better asked for with its tensors' floats: no page of it is
/// ever mapped, which costs more than the copy.
public final class MappedFile: Sendable {
  /// The file's length in bytes.
  public let count: Int
  /// The path it was opened by, for errors.
  public let path: String
  /// The mapping's address as a number; zero for an empty file, which cannot be mapped.
  private let address: UInt
  private let descriptor: Int32

  /// Maps the file at `url`. Throws ``FormatError/unreadable(file:reason:)`` for anything but a regular file.
  public init(contentsOf url: URL) throws {
    path = url.path
    // Without O_NONBLOCK opening a named pipe would wait for a writer for ever.
    descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw FormatError.unreadable(file: path, reason: systemReason(errno))
    }
    do {
      (count, address) = try Self.map(descriptor, path: path)
    } catch {
      close(descriptor)
      throw error
    }
  }

  private static func map(_ descriptor: Int32, path: String) throws -> (count: Int, address: UInt) {
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
    guard length > 0 else { return (0, 0) }
    guard let start = mmap(nil, length, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
      throw FormatError.unreadable(file: path, reason: systemReason(errno))
    }
    return (length, UInt(bitPattern: start))
  }

  deinit {
    close(descriptor)
    if count > 0 { munmap(UnsafeMutableRawPointer(bitPattern: address), count) }
  }

  /// Lends the whole file. The pointer is valid inside `body` only.
  public func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    try withExtendedLifetime(self) {
      try body(UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: address), count: count))
    }
  }

  /// Copies the bytes from `offset` on into all of `output`.
  /// - Throws: ``FormatError/unreadable(file:reason:)`` when the disk refuses, or the file has become shorter
  func read(_ offset: Int, into output: UnsafeMutableRawBufferPointer) throws {
    var rest = output[...]
    while !rest.isEmpty {
      let place = off_t(offset + rest.startIndex)
      // Some systems refuse 2 GiB at once.
      let part = UnsafeMutableRawBufferPointer(rebasing: rest.prefix(1 << 30))
      let copied = pread(descriptor, part.baseAddress, part.count, place)
      if copied < 0, errno == EINTR { continue }
      guard copied > 0 else {
        let reason =
          copied < 0 ? systemReason(errno) : "it became shorter while it was read; put it back whole"
        throw FormatError.unreadable(file: path, reason: reason)
      }
      rest = rest.dropFirst(copied)
    }
  }
}
