import Foundation

/// Writes a safetensors file, one tensor at a time: a model that does not fit in memory can be written.
///
///     try SafetensorsWriter.write(
///       [.init(name: "w", shape: [2, 3], type: .bf16) { [1, 2, 3, 4, 5, 6] }], to: url)
///
/// Tensors are laid out as the reference writer does, by falling element size and then by name, behind a
/// header padded with spaces to eight bytes. The file appears whole or not at all (``AtomicFile``).
public struct SafetensorsWriter {
  /// One tensor to write. Its content is asked for when its turn comes, once.
  public struct Tensor {
    /// Where the bytes come from.
    public enum Content {
      /// Row-major elements, to be stored as f32, f16 or bf16 (to nearest, ties to even).
      case floats(() throws -> [Float])
      /// The bytes as they shall stand in the file, little-endian, handed out in any number of pieces.
      case bytes((_ emit: (UnsafeRawBufferPointer) throws -> Void) throws -> Void)
    }

    public let name: String
    public let shape: [Int]
    public let type: ElementType
    public let content: Content

    public init(name: String, shape: [Int], type: ElementType, content: Content) {
      self.name = name
      self.shape = shape
      self.type = type
      self.content = content
    }

    /// A tensor of floats that are made when its turn comes.
    public init(
      name: String, shape: [Int], type: ElementType = .f32, floats: @escaping () throws -> [Float]
    ) {
      self.init(name: name, shape: shape, type: type, content: .floats(floats))
    }

    /// A tensor whose bytes are already there.
    public init(name: String, shape: [Int], type: ElementType, data: Data) {
      self.init(
        name: name, shape: shape, type: type,
        content: .bytes { emit in try data.withUnsafeBytes { try emit($0) } })
    }

    /// A stored tensor, byte for byte.
    public init(copying tensor: StoredTensor) {
      self.init(
        name: tensor.name, shape: tensor.shape, type: tensor.type,
        content: .bytes { emit in try tensor.withBytes { try emit($0) } })
    }
  }

  /// Writes `tensors` and `metadata` to `url`. Throws ``FormatError`` when a tensor cannot be stored, gives
  /// another number of elements than its shape has, or the disk refuses; the old file then stays.
  public static func write(
    _ tensors: [Tensor], metadata: [String: String] = [:], to url: URL
  ) throws {
    try AtomicFile.write(to: url) { try stream(tensors, metadata: metadata, file: url.path, to: $0) }
  }

  static func stream(
    _ tensors: [Tensor], metadata: [String: String], file: String, to output: AtomicFile.Output
  ) throws {
    let sorted = tensors.sorted { ($1.type.blockBytes, $0.name) < ($0.type.blockBytes, $1.name) }
    try output.write(try header(of: sorted, metadata: metadata, file: file))
    for tensor in sorted {
      let expected = tensor.type.size(of: tensor.shape)?.bytes ?? 0
      var written = 0
      func emit(_ bytes: UnsafeRawBufferPointer) throws {
        written += bytes.count
        guard written <= expected else { throw wrongSize(tensor, written, expected, file) }
        try output.write(bytes)
      }
      switch tensor.content {
      case .bytes(let produce): try produce(emit)
      case .floats(let produce): try encode(try produce(), as: tensor, file: file, emit)
      }
      guard written == expected else { throw wrongSize(tensor, written, expected, file) }
    }
  }

  /// The length, the JSON, and the spaces that bring the data to a multiple of eight bytes.
  private static func header(
    of tensors: [Tensor], metadata: [String: String], file: String
  ) throws -> Data {
    var members: [String] = []
    if !metadata.isEmpty {
      let values = metadata.mapValues { JSONValue.string($0) }
      members.append("\"__metadata__\":" + JSONValue.object(values).text())
    }
    var names = Set<String>()
    var offset = 0
    for tensor in tensors {
      guard tensor.name != "__metadata__", names.insert(tensor.name).inserted else {
        throw refused(tensor, "its name is taken", file)
      }
      guard let typeName = tensor.type.safetensorsName else {
        throw refused(tensor, "safetensors has no type for \(tensor.type.name)", file)
      }
      guard let size = tensor.type.size(of: tensor.shape), size.bytes <= Int.max - offset else {
        throw refused(tensor, "the shape \(tensor.shape) is absurd", file)
      }
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      members.append(
        JSONValue.literal(tensor.name)
          + ":{\"dtype\":\"\(typeName)\",\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(offset + size.bytes)]}"
      )
      offset += size.bytes
    }
    var text = Data(("{" + members.joined(separator: ",") + "}").utf8)
    text.append(Data(repeating: 0x20, count: (8 - text.count % 8) % 8))
    guard text.count <= SafetensorsFile.maximumHeader else {
      throw FormatError.unwritable(file: file, reason: "its header would pass 100 MB; write fewer tensors")
    }
    return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Data($0) } + text
  }

  /// Converts in pieces of 64 Ki elements, so that the copy in the target type stays small.
  private static func encode(
    _ floats: [Float], as tensor: Tensor, file: String, _ emit: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    guard let size = tensor.type.size(of: tensor.shape), size.elements == floats.count else {
      throw refused(tensor, "\(floats.count) floats do not fill the shape \(tensor.shape)", file)
    }
    switch tensor.type {
    case .f32:
      try chunks(floats) {
        $0.bitPattern.littleEndian
      } emit: {
        try emit($0)
      }
    case .f16:
      try chunks(floats) {
        half(from: $0).littleEndian
      } emit: {
        try emit($0)
      }
    case .bf16:
      try chunks(floats) {
        bfloat(from: $0).littleEndian
      } emit: {
        try emit($0)
      }
    default:
      throw refused(tensor, "floats are stored as F32, F16 or BF16, not as \(tensor.type.name)", file)
    }
  }

  @inline(__always)
  private static func chunks<T: FixedWidthInteger>(
    _ floats: [Float], _ convert: (Float) -> T, emit: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let step = 1 << 16
    for start in stride(from: 0, to: floats.count, by: step) {
      let end = min(start + step, floats.count)
      let piece = [T](unsafeUninitializedCapacity: end - start) { buffer, initialized in
        for i in start..<end { buffer[i - start] = convert(floats[i]) }
        initialized = end - start
      }
      try piece.withUnsafeBytes { try emit($0) }
    }
  }

  private static func refused(_ tensor: Tensor, _ problem: String, _ file: String) -> FormatError {
    .unwritable(file: file, reason: "tensor \(quoted(tensor.name)): \(problem)")
  }

  private static func wrongSize(
    _ tensor: Tensor, _ written: Int, _ expected: Int, _ file: String
  ) -> FormatError {
    refused(tensor, "it gave \(written) bytes or more where its shape has \(expected)", file)
  }
}
