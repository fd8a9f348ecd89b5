import Foundation

/// A tensor as its file keeps it: a name, a shape, and bytes that stay in the mapped file until asked for.
public struct StoredTensor: Sendable {
  public let name: String
  /// Row-major, outermost dimension first (`[out, in]` for a linear layer); a GGUF's dimensions reversed.
  public let shape: [Int]
  public let type: ElementType
  /// The stored length in bytes.
  public let byteCount: Int
  private let file: MappedFile
  private let offset: Int

  /// The caller has checked that `offset ..< offset + byteCount` lies in `file` and fits shape and type.
  init(
    name: String, shape: [Int], type: ElementType, file: MappedFile, offset: Int, byteCount: Int
  ) {
    self.name = name
    self.shape = shape
    self.type = type
    self.byteCount = byteCount
    self.file = file
    self.offset = offset
  }

  /// The number of elements.
  public var count: Int { shape.reduce(1, *) }
  /// The elements of one row: the last dimension.
  public var rowLength: Int { shape.last ?? 1 }
  /// The number of rows: the product of all dimensions but the last.
  public var rowCount: Int { shape.dropLast().reduce(1, *) }
  /// The path of the file that holds it, for errors.
  public var path: String { file.path }

  /// Lends the bytes as stored, little-endian. The pointer is valid inside `body` only.
  public func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    try file.withBytes { try body(UnsafeRawBufferPointer(rebasing: $0[offset..<offset + byteCount])) }
  }

  /// A copy of the bytes as stored. Throws ``FormatError/unreadable(file:reason:)``.
  public func bytes() throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, initialized in
      try file.read(offset, into: UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: byteCount))
      initialized = byteCount
    }
  }

  /// All elements as `Float`, dequantized, row-major. Throws ``FormatError/unreadable(file:reason:)``.
  public func floats() throws -> [Float] {
    try [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      try floats(into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]), rows: 0..<rowCount)
      initialized = count
    }
  }

  /// Rows `rows` as `Float`, dequantized, into `output`, which holds exactly `rows.count · rowLength` elements.
  /// Throws ``FormatError/malformed(file:place:problem:mend:)`` when the rows or the room do not fit, and
  /// ``FormatError/unreadable(file:reason:)``.
  public func floats(into output: UnsafeMutableBufferPointer<Float>, rows: Range<Int>) throws {
    guard rows.lowerBound >= 0, rows.upperBound <= rowCount, output.count == rows.count * rowLength else {
      throw FormatError.malformed(
        file: path, place: "tensor \(quoted(name))",
        problem: "rows \(rows) into \(output.count) floats do not fit its shape \(shape)",
        mend: "ask for whole rows of \(rowLength)")
    }
    guard let y = output.baseAddress, !output.isEmpty else { return }
    let start = offset + rows.lowerBound * rowLength / type.blockElements * type.blockBytes
    if type == .f32, 1.littleEndian == 1 {
      try file.read(start, into: UnsafeMutableRawBufferPointer(output))
      return
    }
    // By pieces that stay in the caches until they are converted.
    let blocks = output.count / type.blockElements
    let piece = min(blocks, max(1, Self.pieceBytes / type.blockBytes))
    try withUnsafeTemporaryAllocation(byteCount: piece * type.blockBytes, alignment: 16) { stored in
      for first in stride(from: 0, to: blocks, by: piece) {
        let count = min(piece, blocks - first)
        let part = UnsafeMutableRawBufferPointer(rebasing: stored[..<(count * type.blockBytes)])
        try file.read(start + first * type.blockBytes, into: part)
        guard let x = part.baseAddress else { return }
        type.expand(x, count, y + first * type.blockElements)
      }
    }
  }

  /// Whether another tensor has the same shape and the same values.
  /// - Throws: ``FormatError/unreadable(file:reason:)``
  public func holdsSame(as other: StoredTensor) throws -> Bool {
    guard shape == other.shape else { return false }
    if type == other.type { return withBytes { own in other.withBytes { own.elementsEqual($0) } } }
    return try floats() == other.floats()
  }

  private static let pieceBytes = 1 << 17
}

/// Anything that holds named tensors: one file, or a folder of shards.
public protocol TensorSource: Sendable {
  /// The names, sorted.
  var names: [String] { get }
  /// The tensor called `name`. Throws ``FormatError/noSuchTensor(file:name:)``.
  func tensor(_ name: String) throws -> StoredTensor
  func contains(_ name: String) -> Bool
}
