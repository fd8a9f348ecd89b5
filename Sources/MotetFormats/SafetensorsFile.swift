import Foundation

/// A safetensors file, memory-mapped: eight bytes of header length, a JSON header, then the tensors' bytes.
///
/// Opening reads the header only and checks all of it: sizes against shapes, tensors neither overlapping
/// nor leaving gaps nor reaching past the end, which is what the reference reader demands.
/// Source: https://github.com/huggingface/safetensors (`README.md`, `tensor.rs`).
public struct SafetensorsFile: TensorSource {
  /// The limit of the reference reader, in bytes.
  public static let maximumHeader = 100_000_000
  static let maximumRank = 16

  /// The header's `__metadata__`.
  public let metadata: [String: String]
  private let table: TensorTable

  /// Opens the file at `url`. Throws ``FormatError``.
  public init(contentsOf url: URL) throws {
    let file = try MappedFile(contentsOf: url)
    let header = try file.withBytes { try Header(bytes: $0, file: url.path) }
    metadata = header.metadata
    var tensors: [String: StoredTensor] = [:]
    tensors.reserveCapacity(header.entries.count)
    for entry in header.entries {
      tensors[entry.name] = StoredTensor(
        name: entry.name, shape: entry.shape, type: entry.type, file: file,
        offset: header.dataStart + entry.start, byteCount: entry.end - entry.start)
    }
    table = TensorTable(tensors, path: file.path)
  }

  /// The names, sorted.
  public var names: [String] { table.names }
  public func tensor(_ name: String) throws -> StoredTensor { try table.tensor(name) }
  public func contains(_ name: String) -> Bool { table.contains(name) }
}

extension SafetensorsFile {
  /// The header, read and checked. Offsets count from `dataStart`.
  struct Header {
    struct Entry {
      var name: String
      var type: ElementType
      var shape: [Int]
      var start: Int
      var end: Int
    }

    var metadata: [String: String] = [:]
    var entries: [Entry] = []
    let dataStart: Int

    init(bytes: UnsafeRawBufferPointer, file: String) throws {
      try ForeignContent.refuse(bytes, file: file)
      guard bytes.count >= 8 else {
        throw FormatError.malformed(
          file: file, place: "byte 0",
          problem: "it has \(bytes.count) bytes, not even the 8 of a safetensors header length",
          mend: fetchAgain)
      }
      let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
      guard length <= SafetensorsFile.maximumHeader, length <= bytes.count - 8 else {
        throw FormatError.malformed(
          file: file, place: "byte 0",
          problem: "the header claims \(length) bytes where \(bytes.count - 8) follow",
          mend: "it is damaged or no safetensors file: fetch or make it again")
      }
      dataStart = 8 + Int(length)
      var reader = JSONReader(
        UnsafeRawBufferPointer(rebasing: bytes[8..<dataStart]), file: file, origin: 8)
      try readEntries(&reader, file: file)
      try checkLayout(file: file, dataBytes: bytes.count - dataStart)
    }

    private mutating func readEntries(_ reader: inout JSONReader, file: String) throws {
      var metadata: [String: String] = [:]
      var entries: [Entry] = []
      try reader.object { reader, name in
        if name == "__metadata__" {
          try reader.object { reader, key in metadata[key] = try reader.string() }
        } else {
          entries.append(try Self.entry(&reader, name: name, file: file))
        }
      }
      try reader.end()
      self.metadata = metadata
      self.entries = entries
    }

    private static func entry(_ reader: inout JSONReader, name: String, file: String) throws -> Entry {
      var typeName: String?
      var shape: [Int]?
      var offsets: [Int]?
      try reader.object { reader, key in
        switch key {
        case "dtype": typeName = try reader.string()
        case "shape": shape = try integers(&reader, limit: SafetensorsFile.maximumRank)
        case "data_offsets": offsets = try integers(&reader, limit: 2)
        default: _ = try reader.value()
        }
      }
      guard let typeName, let shape, let offsets, offsets.count == 2 else {
        throw reader.failure("tensor \(quoted(name)) lacks its dtype, shape or data_offsets")
      }
      guard let type = ElementType(safetensorsName: typeName) else {
        throw FormatError.unsupported(
          file: file, place: "tensor \(quoted(name))", feature: "the dtype \(quoted(typeName))",
          mend: "convert the model to F32, F16 or BF16")
      }
      return Entry(name: name, type: type, shape: shape, start: offsets[0], end: offsets[1])
    }

    private static func integers(_ reader: inout JSONReader, limit: Int) throws -> [Int] {
      var result: [Int] = []
      try reader.array { reader in
        guard result.count < limit else { throw reader.failure("a list has more than \(limit) numbers") }
        let number = try reader.integer()
        guard number >= 0 else { throw reader.failure("a size or an offset is negative") }
        result.append(number)
      }
      return result
    }

    private func checkLayout(file: String, dataBytes: Int) throws {
      var expected = 0
      for entry in entries.sorted(by: { ($0.start, $0.end) < ($1.start, $1.end) }) {
        func broken(_ problem: String, mend: String = fetchAgain) -> FormatError {
          .malformed(file: file, place: "tensor \(quoted(entry.name))", problem: problem, mend: mend)
        }
        guard entry.start <= entry.end, entry.end <= dataBytes else {
          throw broken(
            "its bytes \(entry.start)..<\(entry.end) are not within the \(dataBytes) that there are",
            mend: fetchWhole)
        }
        guard entry.start == expected else {
          throw broken(
            "its bytes start at \(entry.start) where \(expected) was due: tensors overlap or leave a gap")
        }
        guard let size = entry.type.size(of: entry.shape), size.bytes == entry.end - entry.start else {
          throw broken(
            "\(entry.end - entry.start) bytes do not hold the shape \(entry.shape) in \(entry.type.name)")
        }
        expected = entry.end
      }
      guard expected == dataBytes else {
        throw FormatError.malformed(
          file: file, place: "byte \(dataStart + expected)",
          problem: "\(dataBytes - expected) bytes belong to no tensor", mend: fetchAgain)
      }
    }
  }
}
