import Foundation
import MotetTensor

/// What an optimizer remembers of its parameters: a few arrays for each, in memory, or mapped from a file of which a
/// part is resident.
///
/// A step goes through all of the state once, always in the same order, so that the least recently used page is the
/// one needed next: to drop that would bring every page in again. Here the first pages stay, as many as the budget
/// holds, and the others come and go with the piece of them that is at work (Dettmers et al. 2023, arXiv 2305.14314,
/// section 3, page the same state between a GPU and the host). A page that goes stays in the system's cache until it
/// is written, which the process does not pay for.
@Compute
final class StateMemory {
  /// One array: so many bytes for each run of so many values, the last run shorter.
  struct Kind {
    let values: Int
    let bytes: Int

    func bytes(for count: Int) -> Int { (count + values - 1) / values * bytes }
  }

  /// Values of a page of state: pieces are whole pages, and cut no run of a kind.
  nonisolated static let page = 4096
  /// Values of the largest piece.
  private static let largestPiece = 1 << 18
  private nonisolated static let systemPage = max(4096, Int(sysconf(Int32(_SC_PAGESIZE))))

  private let kinds: [Kind]
  private let counts: [Int]
  /// By parameter and kind, from a page of the system on.
  private let places: [[Range<Int>]]
  private let mapping: Mapping
  private let piece: Int
  /// State before this place stays resident; nil when all does.
  private let resident: Int?

  /// In memory, zeros.
  init(_ kinds: [Kind], counts: [Int]) {
    self.kinds = kinds
    self.counts = counts
    let end: Int
    (places, end) = Self.lay(kinds, counts)
    guard let mapping = Mapping(bytes: end, file: nil) else {
      FileHandle.standardError.write(Data("motet: out of memory: \(end) bytes asked\n".utf8))
      exit(1)
    }
    self.mapping = mapping
    piece = .max
    resident = nil
  }

  /// Zeros, mapped from a file where they take more than the budget.
  /// - Throws: ``OptimizerMemoryError``
  convenience init(_ kinds: [Kind], counts: [Int], memory: OptimizerMemory?) throws {
    guard let memory else {
      self.init(kinds, counts: counts)
      return
    }
    let page = Self.pageBytes(kinds)
    guard memory.budget >= page else {
      throw OptimizerMemoryError.tooSmall(budget: memory.budget, page: page)
    }
    if Self.lay(kinds, counts).end <= memory.budget {
      self.init(kinds, counts: counts)
    } else {
      try self.init(kinds, counts: counts, paged: memory)
    }
  }

  private init(_ kinds: [Kind], counts: [Int], paged memory: OptimizerMemory) throws {
    self.kinds = kinds
    self.counts = counts
    let end: Int
    (places, end) = Self.lay(kinds, counts)
    let file = try StateFile(bytes: end, in: memory.folder)
    guard let mapping = Mapping(bytes: end, file: file) else {
      throw OptimizerMemoryError.file(
        bytes: end, folder: memory.folder.path, reason: "it cannot be mapped into memory")
    }
    self.mapping = mapping
    // A quarter of the budget is enough for a piece at work.
    let pages = memory.budget / 4 / Self.pageBytes(kinds)
    let piece = Self.page * min(max(1, pages), Self.largestPiece / Self.page)
    self.piece = piece
    resident = memory.budget - kinds.reduce(0) { $0 + Self.padded($1.bytes(for: piece)) }
  }

  /// Bytes of one page of state.
  nonisolated static func pageBytes(_ kinds: [Kind]) -> Int {
    kinds.reduce(0) { $0 + padded($1.bytes(for: page)) }
  }

  private nonisolated static func padded(_ bytes: Int) -> Int {
    (bytes + systemPage - 1) / systemPage * systemPage
  }

  private static func lay(_ kinds: [Kind], _ counts: [Int]) -> (places: [[Range<Int>]], end: Int) {
    var end = 0
    let places = counts.map { count in
      kinds.map { kind -> Range<Int> in
        let bytes = kind.bytes(for: count)
        defer { end += padded(bytes) }
        return end..<end + bytes
      }
    }
    return (places, end)
  }

  /// Whether it is mapped from a file.
  var isPaged: Bool { resident != nil }
  /// Bytes of the arrays.
  var byteCount: Int { places.reduce(0) { $0 + $1.reduce(0) { $0 + $1.count } } }

  /// Lends a parameter's arrays, a run of values after another; the pointers are those of the run's first value.
  func forEachPiece(
    of parameter: Int, _ body: (_ values: Range<Int>, _ arrays: [UnsafeMutableRawPointer]) -> Void
  ) {
    let count = counts[parameter]
    var first = 0
    while first < count {
      let values = first..<(piece < count - first ? first + piece : count)
      let offsets = zip(places[parameter], kinds).map { $0.lowerBound + $1.bytes(for: first) }
      body(values, offsets.map { mapping.start + $0 })
      release(parameter, values)
      first = values.upperBound
    }
  }

  /// Every array of every parameter.
  /// - Parameter names: of each kind, what a parameter's array is called
  func arrays(_ names: [(Int) -> String]) -> [OptimizerArray] {
    places.indices.flatMap { parameter in
      names.enumerated().map { kind, name in
        OptimizerArray(name: name(parameter), bytes: places[parameter][kind].count) { [self] body in
          try lend(parameter, kind, body)
        }
      }
    }
  }

  /// Lends one array, a run of values after another, and lets go of what does not stay in memory.
  private func lend(
    _ parameter: Int, _ kind: Int, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let (count, start) = (counts[parameter], mapping.start + places[parameter][kind].lowerBound)
    var first = 0
    while first < count {
      let values = first..<(piece < count - first ? first + piece : count)
      defer { release(parameter, values) }
      let (begin, end) = (
        kinds[kind].bytes(for: values.lowerBound), kinds[kind].bytes(for: values.upperBound)
      )
      try body(UnsafeRawBufferPointer(start: start + begin, count: end - begin))
      first = values.upperBound
    }
  }

  /// Takes an array's bytes; `data` is as large.
  func take(_ data: Data, _ parameter: Int, _ kind: Int) {
    let place = places[parameter][kind]
    precondition(data.count == place.count)
    data.withUnsafeBytes { source in
      if let base = source.baseAddress {
        (mapping.start + place.lowerBound).copyMemory(from: base, byteCount: place.count)
      }
    }
    release(parameter, 0..<counts[parameter])
  }

  /// Takes all arrays from a checkpoint, once all are there and of their sizes.
  /// - Parameter names: of each kind, what a parameter's array is called
  /// - Throws: ``OptimizerStateError``; nothing has changed then
  func take(_ state: OptimizerState, names: [(Int) -> String], parameters: Int) throws {
    func each(_ body: (_ parameter: Int, _ kind: Int, Data) -> Void) throws {
      for parameter in 0..<parameters {
        for (kind, name) in names.enumerated() {
          body(parameter, kind, try state.blob(name(parameter), bytes: bytes(parameter, kind)))
        }
      }
    }
    try each { _, _, _ in }
    try each { parameter, kind, data in take(data, parameter, kind) }
  }

  /// Bytes of one array.
  func bytes(_ parameter: Int, _ kind: Int) -> Int { places[parameter][kind].count }

  /// Lets the pages of some values go, but for those that stay.
  private func release(_ parameter: Int, _ values: Range<Int>) {
    guard let resident else { return }
    for (place, kind) in zip(places[parameter], kinds) {
      let isLast = values.upperBound == counts[parameter]
      let begin = place.lowerBound + kind.bytes(for: values.lowerBound) / Self.systemPage * Self.systemPage
      let end =
        place.lowerBound
        + (isLast
          ? Self.padded(place.count) : kind.bytes(for: values.upperBound) / Self.systemPage * Self.systemPage)
      let kept = max(begin, min(end, resident / Self.systemPage * Self.systemPage))
      if kept < end { mapping.release(kept..<end) }
    }
  }
}

/// A file without a name, as large as the state from the start, so that a full disk is known before a step is taken.
private struct StateFile {
  let descriptor: Int32

  init(bytes: Int, in folder: URL) throws {
    func failed(_ code: Int32) -> OptimizerMemoryError {
      .file(bytes: bytes, folder: folder.path, reason: String(cString: strerror(code)))
    }
    var template = Array(folder.appending(path: ".motet-state-XXXXXX").path.utf8CString)
    descriptor = mkstemp(&template)
    guard descriptor >= 0 else { throw failed(errno) }
    unlink(template)
    #if os(Linux)
      let code = posix_fallocate(descriptor, 0, bytes)
    #else
      let code = ftruncate(descriptor, off_t(bytes)) == 0 ? 0 : errno
    #endif
    guard code == 0 else {
      close(descriptor)
      throw failed(code)
    }
  }
}

/// Pages of zeros, or of a file, which it closes.
private final class Mapping {
  let start: UnsafeMutableRawPointer
  private let count: Int

  init?(bytes: Int, file: StateFile?) {
    count = max(bytes, 1)
    #if os(Linux)
      let anonymous = MAP_PRIVATE | MAP_ANONYMOUS
    #else
      let anonymous = MAP_PRIVATE | MAP_ANON
    #endif
    let memory = mmap(
      nil, count, PROT_READ | PROT_WRITE, file == nil ? anonymous : MAP_SHARED, file?.descriptor ?? -1, 0)
    if let file { close(file.descriptor) }
    guard let memory, memory != MAP_FAILED else { return nil }
    start = memory
  }

  deinit { munmap(start, count) }

  /// The pages' content stays in the file.
  func release(_ range: Range<Int>) { madvise(start + range.lowerBound, range.count, Int32(MADV_DONTNEED)) }
}
