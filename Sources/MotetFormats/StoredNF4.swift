import Foundation

/// A matrix that bitsandbytes quantized to NF4, as a safetensors file keeps it beside the names of plain tensors.
///
/// `weight` holds two values a byte, `weight.absmax` the scale of each 64 values (in 8 bits when they are quantized
/// themselves, by `weight.nested_absmax` and `weight.nested_quant_map`), `weight.quant_map` the 16 values, and
/// `weight.quant_state.bitsandbytes__nf4` a JSON object in bytes with the shape and the sizes of the blocks.
/// Source: bitsandbytes, `QuantState.as_dict(packed=True)`.
public struct StoredNF4: Sendable {
  /// `[outputs, inputs]`
  public let shape: [Int]
  /// Two values a byte.
  public let codes: StoredTensor
  public let scales: Scales

  public enum Scales: Sendable {
    case nested(codes: [UInt8], largest: [Float], map: [Float], mean: Float)
    case plain([Float])
  }

  static let stateSuffix = ".quant_state.bitsandbytes__nf4"
  /// Of Motet's own: beside the name of a matrix, a fifth bit for each of its values.
  static let fifthSuffix = ".fifth_bits"
  static let block = 64
  static let nestedBlock = 256

  /// The matrix that a tensor of this name stands beside; nil for a name that is not a companion's.
  package static func matrix(ofCompanion name: String) -> String? {
    let suffixes = [".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map", stateSuffix, fifthSuffix]
    return suffixes.first(where: name.hasSuffix).map { String(name.dropLast($0.count)) }
  }

  /// Reads what stands beside the codes called `name`, and checks that all of it fits together.
  /// - Parameter code: the 16 values that the codes must stand for
  /// - Throws: ``FormatError`` naming the file and the tensor
  public init(_ name: String, in source: some TensorSource, code: [Float]) throws {
    codes = try source.tensor(name)
    let state = try State(try source.tensor(name + Self.stateSuffix))
    shape = state.shape
    let count = state.shape[0] * state.shape[1]
    try Self.check(codes, type: .u8, count: (count + 1) / 2)
    let map = try source.tensor(name + ".quant_map")
    try Self.check(map, type: .f32, count: 16)
    guard try map.floats() == code else {
      throw Self.damaged(map, "it holds other values than NF4's 16")
    }
    let absmax = try source.tensor(name + ".absmax")
    let blocks = (count + Self.block - 1) / Self.block
    guard let mean = state.mean else {
      try Self.check(absmax, type: .f32, count: blocks)
      scales = .plain(try Self.finite(absmax))
      return
    }
    try Self.check(absmax, type: .u8, count: blocks)
    let largest = try source.tensor(name + ".nested_absmax")
    try Self.check(largest, type: .f32, count: (blocks + Self.nestedBlock - 1) / Self.nestedBlock)
    let nestedMap = try source.tensor(name + ".nested_quant_map")
    try Self.check(nestedMap, type: .f32, count: 256)
    scales = .nested(
      codes: try absmax.bytes(), largest: try Self.finite(largest),
      map: try Self.finite(nestedMap), mean: mean)
  }

  /// The fifth bits of the matrix `name` in another file than its codes: one a value, the lowest of a byte first. nil
  /// where it has none.
  /// - Throws: ``FormatError`` naming the file and the tensor
  public func fifthBits(_ name: String, in source: some TensorSource) throws -> Data? {
    guard source.contains(name + Self.fifthSuffix) else { return nil }
    let bits = try source.tensor(name + Self.fifthSuffix)
    try Self.check(bits, type: .u8, count: (shape[0] * shape[1] + 7) / 8)
    return Data(try bits.bytes())
  }

  /// They as a tensor.
  public static func fifthBits(_ name: String, _ bits: Data) -> SafetensorsWriter.Tensor {
    .init(name: name + fifthSuffix, shape: [bits.count], type: .u8, data: bits)
  }

  /// The state's shape alone, for those who only ask how large a matrix is.
  static func shape(_ name: String, in source: some TensorSource) throws -> [Int] {
    try State(try source.tensor(name + stateSuffix)).shape
  }

  private static func check(_ tensor: StoredTensor, type: ElementType, count: Int) throws {
    guard tensor.type == type, tensor.count == count else {
      throw damaged(
        tensor,
        "it has \(tensor.count) values of \(tensor.type.name) where its quant_state asks for \(count) of "
          + type.name)
    }
  }

  private static func finite(_ tensor: StoredTensor) throws -> [Float] {
    let values = try tensor.floats()
    guard values.allSatisfy(\.isFinite) else { throw damaged(tensor, "it holds values that are not finite") }
    return values
  }

  fileprivate static func damaged(_ tensor: StoredTensor, _ problem: String) -> FormatError {
    .malformed(
      file: tensor.path, place: "tensor \(quoted(tensor.name))", problem: problem,
      mend: "the file is damaged: quantize the model again")
  }
}

/// What the JSON beside a matrix says.
private struct State {
  let shape: [Int]
  /// Of the scales; nil when they are not quantized.
  let mean: Float?

  init(_ tensor: StoredTensor) throws {
    guard tensor.type == .u8, tensor.byteCount <= 1 << 16 else {
      throw StoredNF4.damaged(tensor, "it is no short text in bytes")
    }
    let members: [String: JSONValue] = try tensor.withBytes { bytes in
      guard let object = try? JSONValue.object(bytes, file: tensor.path) else {
        throw StoredNF4.damaged(tensor, "it is no JSON object")
      }
      return object
    }
    func unsupported(_ feature: String) -> FormatError {
      .unsupported(
        file: tensor.path, place: "tensor \(quoted(tensor.name))", feature: feature,
        mend: "quantize the model with motet quantize")
    }
    guard members["quant_type"]?.stringValue == "nf4" else { throw unsupported("another type than nf4") }
    guard members["blocksize"]?.intValue == StoredNF4.block else {
      throw unsupported("another size of blocks than \(StoredNF4.block)")
    }
    guard let shape = members["shape"]?.intsValue, shape.count == 2,
      shape.allSatisfy({ (1...1 << 24).contains($0) })
    else { throw StoredNF4.damaged(tensor, "its shape is no pair of sizes") }
    self.shape = shape
    guard let offset = members["nested_offset"] else {
      mean = nil
      return
    }
    guard members["nested_blocksize"]?.intValue == StoredNF4.nestedBlock else {
      throw unsupported("another size of nested blocks than \(StoredNF4.nestedBlock)")
    }
    guard let value = offset.doubleValue, value.isFinite else {
      throw StoredNF4.damaged(tensor, "its nested_offset is no number")
    }
    mean = Float(value)
  }
}

extension TensorSource {
  /// Whether `name` is a matrix in NF4.
  public func isNF4(_ name: String) -> Bool { contains(name + StoredNF4.stateSuffix) }

  /// The shape of a matrix in NF4.
  public func nf4Shape(_ name: String) throws -> [Int] { try StoredNF4.shape(name, in: self) }
}

extension StoredNF4 {
  /// The tensors of a matrix, as bitsandbytes names and shapes them.
  /// - Parameters:
  ///   - scales: 8 bits each
  ///   - largest: f32, for each 256 scales
  ///   - map: f32, what the scales' codes stand for
  public static func tensors(
    _ name: String, shape: [Int], codes: Data, scales: Data, largest: Data, map: Data, mean: Float,
    code: [Float]
  ) -> [SafetensorsWriter.Tensor] {
    let state: JSONValue = .object([
      "quant_type": .string("nf4"), "blocksize": .int(block), "dtype": .string("bfloat16"),
      "shape": .array(shape.map { .int($0) }), "nested_blocksize": .int(nestedBlock),
      "nested_dtype": .string("float32"), "nested_offset": .double(Double(mean)),
    ])
    let text = Data(state.text().utf8)
    return [
      .init(name: name, shape: [codes.count, 1], type: .u8, data: codes),
      .init(name: name + ".absmax", shape: [scales.count], type: .u8, data: scales),
      .init(name: name + ".nested_absmax", shape: [largest.count / 4], type: .f32, data: largest),
      .init(name: name + ".nested_quant_map", shape: [map.count / 4], type: .f32, data: map),
      .init(name: name + ".quant_map", shape: [code.count], type: .f32) { code },
      .init(name: name + stateSuffix, shape: [text.count], type: .u8, data: text),
    ]
  }

  /// What `config.json` says of a folder that holds them.
  package static var configuration: JSONValue {
    .object([
      "quant_method": .string("bitsandbytes"), "load_in_4bit": .bool(true), "load_in_8bit": .bool(false),
      "_load_in_4bit": .bool(true), "_load_in_8bit": .bool(false), "bnb_4bit_quant_type": .string("nf4"),
      "bnb_4bit_use_double_quant": .bool(true), "bnb_4bit_compute_dtype": .string("bfloat16"),
      "bnb_4bit_quant_storage": .string("uint8"), "llm_int8_enable_fp32_cpu_offload": .bool(false),
      "llm_int8_has_fp16_weight": .bool(false), "llm_int8_skip_modules": .null,
      "llm_int8_threshold": .double(6),
    ])
  }
}
