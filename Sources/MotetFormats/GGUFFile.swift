import Foundation

/// A GGUF file, memory-mapped: metadata, then tensors in ggml's types.
///
/// Opening reads the header only and checks all of it: counts and lengths against the file's size, types,
/// shapes, alignment, tensors out of range or overlapping. Versions 2 and 3, little-endian. The first of several parts
/// (``GGUFSplit``) opens all of them.
/// Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
public struct GGUFFile: TensorSource {
  static let maximumTensors = 1 << 20
  static let maximumPairs = 1 << 16
  /// `GGML_MAX_DIMS`.
  static let maximumRank = 4

  public let metadata: [String: GGUFValue]
  public let version: Int
  /// Every tensor starts at a multiple of this many bytes.
  public let alignment: Int
  public var path: String { table.path }
  private let table: TensorTable

  /// Opens the file at `url`. Throws ``FormatError``.
  public init(contentsOf url: URL) throws {
    let (header, tensors) = try Self.open(url)
    metadata = header.metadata
    version = header.version
    alignment = header.alignment
    table = TensorTable(
      try Self.joined(url, metadata: header.metadata, tensors: tensors), path: url.path)
  }

  /// One file: its header, and its tensors by name.
  static func open(_ url: URL) throws -> (header: Header, tensors: [String: StoredTensor]) {
    let file = try MappedFile(contentsOf: url)
    let header = try file.withBytes { bytes in
      try ForeignContent.refuse(bytes, file: url.path)
      return try Header(bytes: bytes, file: url.path)
    }
    return (header, try header.tensors(in: file))
  }

  /// The names, sorted.
  public var names: [String] { table.names }
  public func tensor(_ name: String) throws -> StoredTensor { try table.tensor(name) }
  public func contains(_ name: String) -> Bool { table.contains(name) }
}

extension GGUFFile {
  /// The header, read. Offsets count from `dataStart`.
  struct Header {
    struct Entry {
      let name: String
      let shape: [Int]
      let type: ElementType
      let offset: UInt64
    }

    private(set) var metadata: [String: GGUFValue] = [:]
    private(set) var entries: [Entry] = []
    let version: Int
    let alignment: Int
    let dataStart: Int

    init(bytes: UnsafeRawBufferPointer, file: String) throws {
      var reader = GGUFReader(bytes, file: file)
      version = try Self.version(&reader, file: file)
      let tensorCount = try reader.count(
        of: "tensors", bytesEach: 24, limit: GGUFFile.maximumTensors)
      let pairCount = try reader.count(
        of: "metadata pairs", bytesEach: 13, limit: GGUFFile.maximumPairs)
      for _ in 0..<pairCount {
        let key = try reader.string("a key", limit: GGUFReader.maximumKey)
        guard metadata.updateValue(try reader.value(), forKey: key) == nil else {
          throw reader.failure("the key \(quoted(key)) stands twice")
        }
      }
      alignment = try Self.alignment(metadata, reader)
      for _ in 0..<tensorCount { entries.append(try Self.entry(&reader, file: file)) }
      // The header fits in memory, so rounding its end up cannot overflow.
      let end = (reader.position + alignment - 1) / alignment * alignment
      dataStart = min(end, bytes.count)
    }

    private static func version(_ reader: inout GGUFReader, file: String) throws -> Int {
      guard reader.remaining >= 4, try reader.integer(UInt32.self) == 0x4655_4747 else {
        throw FormatError.malformed(
          file: file, place: "byte 0", problem: "it does not begin with 'GGUF'",
          mend: "check that it is the model file you mean")
      }
      let version: UInt32 = try reader.integer()
      guard version == 2 || version == 3 else {
        let swapped = version.byteSwapped == 2 || version.byteSwapped == 3
        throw FormatError.unsupported(
          file: file, place: "byte 4", feature: swapped ? "big-endian GGUF" : "GGUF version \(version)",
          mend: "convert the model again with a current llama.cpp")
      }
      return Int(version)
    }

    private static func alignment(_ metadata: [String: GGUFValue], _ reader: GGUFReader) throws -> Int {
      guard let value = metadata["general.alignment"] else { return 32 }
      guard let alignment = value.int, (1...1 << 20).contains(alignment), alignment.nonzeroBitCount == 1
      else { throw reader.failure("general.alignment is no power of two up to 1048576") }
      return alignment
    }

    private static func entry(_ reader: inout GGUFReader, file: String) throws -> Entry {
      let name = try reader.string("a tensor's name", limit: GGUFReader.maximumKey)
      let rank: UInt32 = try reader.integer()
      guard rank <= GGUFFile.maximumRank else {
        throw reader.failure(
          "tensor \(quoted(name)) has \(rank) dimensions, more than \(GGUFFile.maximumRank)")
      }
      var shape: [Int] = []
      for _ in 0..<rank {
        let dimension: UInt64 = try reader.integer()
        guard let size = Int(exactly: dimension), size > 0 else {
          throw reader.failure("tensor \(quoted(name)) has a dimension of \(dimension)")
        }
        shape.insert(size, at: 0)
      }
      let number: UInt32 = try reader.integer()
      guard let type = ElementType(ggmlNumber: number) else {
        throw FormatError.unsupported(
          file: file, place: "tensor \(quoted(name))", feature: "the type \(typeName(number))",
          mend: "convert the model with llama-quantize to Q4_K_M")
      }
      return Entry(name: name, shape: shape, type: type, offset: try reader.integer())
    }

    private static func typeName(_ number: UInt32) -> String {
      guard let name = ElementType.unreadableNames[number] else { return "number \(number)" }
      return "\(name) (number \(number))"
    }

    /// The tensors of `file`, checked against its length and against one another.
    func tensors(in file: MappedFile) throws -> [String: StoredTensor] {
      var result: [String: StoredTensor] = [:]
      var ranges: [ByteRange] = []
      for entry in entries {
        func broken(_ problem: String, mend: String = fetchAgain) -> FormatError {
          .malformed(
            file: file.path, place: "tensor \(quoted(entry.name))", problem: problem, mend: mend)
        }
        let type = entry.type
        guard type.hasWholeBlocks(entry.shape) else {
          throw broken(
            "its rows of \(entry.shape.last ?? 1) are not whole \(type.name) blocks of \(type.blockElements)")
        }
        guard let size = type.size(of: entry.shape) else {
          throw broken("the shape \(entry.shape) does not fit the type \(type.name)")
        }
        guard entry.offset % UInt64(alignment) == 0 else {
          throw broken("its offset \(entry.offset) is no multiple of the alignment \(alignment)")
        }
        let room = file.count - dataStart
        guard let offset = Int(exactly: entry.offset), size.bytes <= room, offset <= room - size.bytes else {
          throw broken(
            "its \(size.bytes) bytes from \(entry.offset) are not within the \(room) that there are",
            mend: fetchWhole)
        }
        let tensor = StoredTensor(
          name: entry.name, shape: entry.shape, type: type, file: file,
          offset: dataStart + offset, byteCount: size.bytes)
        guard result.updateValue(tensor, forKey: entry.name) == nil else {
          throw broken("the name stands twice")
        }
        ranges.append(ByteRange(name: entry.name, start: offset, end: offset + size.bytes))
      }
      if let (first, second) = ByteRange.overlap(in: ranges) {
        throw FormatError.malformed(
          file: file.path, place: "tensor \(quoted(second.name))",
          problem: "its bytes overlap those of \(quoted(first.name))", mend: fetchAgain)
      }
      return result
    }
  }
}
