import Foundation

/// Files that appear whole or not at all: a temporary file in the same folder, fsync, rename, fsync of
/// the folder. Whoever reads sees the old file or the new one; a failed write removes the temporary file
/// and leaves the old one. A killed process may leave a hidden `.NAME.….tmp` beside it, which nothing reads and the next
/// write of the file removes.
///
/// A link stays a link: the file that it leads to is written, with the permissions it had. What is no file, such as
/// `/dev/stdout`, is written to as it is.
public struct AtomicFile {
  /// One file to write: where, and what produces its bytes.
  public struct Part {
    public let url: URL
    public let content: (Output) throws -> Void

    public init(url: URL, content: @escaping (Output) throws -> Void) {
      self.url = url
      self.content = content
    }
  }

  /// Replaces the file at `url` by `data`. Throws ``FormatError/unwritable(file:reason:)``.
  public static func write(_ data: Data, to url: URL) throws {
    try write(to: url) { output in try data.withUnsafeBytes { try output.write($0) } }
  }

  /// Replaces the file at `url` by what `content` writes, piece by piece.
  /// An error that `content` throws is passed on, and the old file stays.
  public static func write(to url: URL, content: (Output) throws -> Void) throws {
    let output = try Output(beside: url)
    defer { output.abandon() }
    try content(output)
    try output.seal()
    try output.install()
  }

  /// Replaces several files that belong together: all are complete on the disk before the first is renamed,
  /// so only a crash between two renames can be seen.
  public static func write(_ parts: [Part]) throws {
    var outputs: [Output] = []
    defer { for output in outputs { output.abandon() } }
    for part in parts {
      let output = try Output(beside: part.url)
      outputs.append(output)
      try part.content(output)
      try output.seal()
    }
    for output in outputs { try output.install() }
  }
}

extension AtomicFile {
  /// The open end of a file being written. Writes go straight to the file, so hand it large pieces.
  public final class Output {
    /// As it was asked for.
    private let path: String
    /// Where it is renamed to.
    private let target: String
    private let temporary: String?
    private var descriptor: Int32

    init(beside url: URL) throws {
      path = url.path
      var found = stat()
      let isThere = stat(path, &found) == 0
      let kind = found.st_mode & S_IFMT
      if isThere, kind == S_IFDIR {
        throw FormatError.unwritable(file: path, reason: systemReason(EISDIR))
      }
      if let stream = Self.stream(url.path) {
        (target, temporary) = (path, nil)
        descriptor = dup(stream)
      } else if isThere, kind != S_IFREG {
        (target, temporary) = (path, nil)
        descriptor = open(path, O_WRONLY | O_CLOEXEC)
      } else {
        target = try OutputPath.resolved(path)
        (temporary, descriptor) = Self.temporary(beside: target)
        if isThere, descriptor >= 0 { fchmod(descriptor, found.st_mode & 0o777) }
      }
      guard descriptor >= 0 else {
        throw FormatError.unwritable(file: path, reason: systemReason(errno))
      }
    }

    /// The open file that a path such as `/dev/stdout` or `/dev/fd/3` means; opened anew, one that is a file would be
    /// written from its beginning.
    private static func stream(_ path: String) -> Int32? {
      switch path {
      case "/dev/stdout": return STDOUT_FILENO
      case "/dev/stderr": return STDERR_FILENO
      default:
        let folder = ["/dev/fd/", "/proc/self/fd/"].first(where: path.hasPrefix)
        return folder.flatMap { Int32(path.dropFirst($0.count)) }
      }
    }

    /// Makes a hidden file that is held while it is open, and removes those that killed processes left.
    private static func temporary(beside target: String) -> (String?, Int32) {
      let (parent, name) = OutputPath.parts(of: target)
      let stem = ".\(HiddenName.stem(name))."
      for other in (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
      where isTemporary(other, stem) {
        let place = parent + "/" + other
        FileHold.clear(place) { unlink(place) }
      }
      while true {
        let place = "\(parent)/\(stem)\(getpid())-\(UInt32.random(in: 0 ... .max)).tmp"
        let descriptor = open(place, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        if descriptor < 0, errno == EEXIST { continue }
        guard descriptor >= 0 else { return (nil, descriptor) }
        switch FileHold.lock(descriptor, path: place) {
        case .held, .unknown: return (place, descriptor)
        // Somebody swept it in between.
        case .taken, .gone: close(descriptor)
        }
      }
    }

    private static func isTemporary(_ name: String, _ stem: String) -> Bool {
      guard name.hasPrefix(stem), name.hasSuffix(".tmp") else { return false }
      let numbers = name.dropFirst(stem.count).dropLast(4).split(
        separator: "-", omittingEmptySubsequences: false)
      return numbers.count == 2 && numbers.allSatisfy { UInt32($0) != nil }
    }

    /// Writes to a file that is already open; only what tests a full disk needs this.
    init(descriptor: Int32, path: String) {
      self.path = path
      self.descriptor = descriptor
      (target, temporary) = (path, nil)
    }

    deinit { abandon() }

    /// Appends `bytes`. Throws ``FormatError/unwritable(file:reason:)``, with its own words for a full disk.
    public func write(_ bytes: UnsafeRawBufferPointer) throws {
      var rest = bytes
      while let start = rest.baseAddress, rest.count > 0 {
        // Linux takes at most 2 GiB - 4 KiB at once.
        let written = Foundation.write(descriptor, start, min(rest.count, 1 << 30))
        if written < 0 {
          if errno == EINTR { continue }
          throw FormatError.unwritable(file: path, reason: systemReason(errno))
        }
        rest = UnsafeRawBufferPointer(rebasing: rest[written...])
      }
    }

    /// Appends the bytes of `data`.
    public func write(_ data: Data) throws { try data.withUnsafeBytes { try write($0) } }

    /// Forces what was written to the disk. The file stays open, and so held, until it has its name.
    func seal() throws {
      let synced = fsync(descriptor)
      // A pipe or a terminal has no disk below it.
      guard synced == 0 || (temporary == nil && errno != ENOSPC && errno != EIO) else {
        throw FormatError.unwritable(file: path, reason: systemReason(errno))
      }
    }

    func install() throws {
      defer {
        close(descriptor)
        descriptor = -1
      }
      guard let temporary else { return }
      guard rename(temporary, target) == 0 else {
        throw FormatError.unwritable(file: path, reason: systemReason(errno))
      }
      let directory = open(OutputPath.parts(of: target).parent, O_RDONLY | O_CLOEXEC)
      guard directory >= 0 else { return }
      // Some file systems cannot sync a folder; the rename itself has happened.
      _ = fsync(directory)
      close(directory)
    }

    func abandon() {
      if descriptor >= 0 {
        close(descriptor)
        descriptor = -1
      }
      // After `install` there is nothing by this name any more.
      if let temporary { unlink(temporary) }
    }
  }
}
