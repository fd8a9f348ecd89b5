import Foundation
import MotetFormats
import MotetTensor
import MotetTokenizers

/// One GGUF file.
///
/// Where its values differ from Hugging Face's layout (``GGUFForm``), they are put back here: adapters are trained in that.
public struct GGUFModel: ModelSource {
  public let model: ModelDescription
  public let path: String
  public let notes: [String]
  private let file: GGUFFile
  private let reading: ModelReading
  private let tensors: TensorInventory

  /// - Parameters:
  ///   - reading: how its files are read where they do not say it
  ///   - note: what was chosen when it was looked for, for ``notes``
  public init(_ url: URL, _ reading: ModelReading = ModelReading(), note: String? = nil) throws {
    self.reading = reading
    file = try GGUFFile(contentsOf: url)
    path = url.path
    model = try ModelDescription(gguf: file)
    notes = [note].compactMap(\.self) + model.notes
    tensors = TensorInventory(model)
  }

  public func contains(_ name: String) -> Bool { ggufName(name).map(file.contains) ?? false }

  /// Stored frequencies are read with the configuration: see ``RotaryRule``.
  public var tensorNames: [String] {
    let names = Dictionary(
      tensors.tensors.compactMap { tensor in ggufName(tensor.name).map { ($0, tensor.name) } },
      uniquingKeysWith: { first, _ in first })
    return file.names.filter { !$0.hasPrefix("rope_") }.map { names[$0] ?? $0 }
  }

  /// A matrix that Hugging Face's files hold turned has the same shape there.
  public func shape(_ name: String) throws -> [Int] {
    let shape = try tensor(name).shape
    return isTransposed(name) ? shape.reversed() : shape
  }

  public func floats(_ name: String) throws -> [Float] {
    let tensor = try tensor(name)
    var values = try tensor.floats()
    let form = form(name)
    if let heads = form.pairedHeads { values = unpaired(values, heads: heads) }
    if form.offset != 0 { values = values.map { $0 - form.offset } }
    guard isTransposed(name), tensor.shape.count == 2 else { return values }
    return values.transposed(rows: tensor.shape[0])
  }

  private func form(_ name: String) -> GGUFForm {
    tensors[name].map { model.architecture.ggufForm(of: $0, in: model) } ?? GGUFForm()
  }

  private func isTransposed(_ name: String) -> Bool { tensors[name]?.isTransposed ?? false }

  public func stored(_ name: String) throws -> StoredBlocks? {
    let tensor = try tensor(name)
    guard let kind = tensor.type.blockKind, tensor.shape.count == 2 else { return nil }
    let rows = try form(name).pairedHeads.map { try unpairedRows(tensor, heads: $0) }
    return StoredBlocks(
      kind: kind, outputs: tensor.shape[0], inputs: tensor.shape[1], bytes: try tensor.bytes(), rows: rows)
  }

  /// Which row of the file is each output of a matrix whose rows llama.cpp reordered.
  private func unpairedRows(_ tensor: StoredTensor, heads: Int) throws -> [Int64] {
    let half = model.attentionShape.headDimension / 2
    guard tensor.shape[0] == heads * 2 * half else {
      throw ModelError.wrongShape(
        name: tensor.name, shape: tensor.shape, expected: [heads * 2 * half, tensor.shape[1]], path: path)
    }
    return (0..<tensor.shape[0]).map { row in
      let (head, place) = row.quotientAndRemainder(dividingBy: 2 * half)
      return Int64((head * half + place % half) * 2 + place / half)
    }
  }

  public func tokenizer() throws -> Tokenizer { try Tokenizer(gguf: file) }
  public func template() throws -> ChatTemplate? {
    let own = try reading.ownTemplate { try ChatTemplate.found(in: file) }
    return try reading.template(inPlaceOf: own)
  }

  /// Made from the metadata.
  public func companions() throws -> [String: Data] {
    let tokenizer = try tokenizer()
    let beside = try tokenizer.configurationJSON(
      chatTemplate: file.metadata["tokenizer.chat_template"]?.string, pad: configuration.padToken,
      maximumLength: configuration.maximumPositions)
    return [
      "tokenizer.json": try tokenizer.tokenizerJSON(), "tokenizer_config.json": beside.configuration,
      "special_tokens_map.json": beside.specialTokens,
      "generation_config.json": configuration.generationJSON(),
    ]
  }

  private func tensor(_ name: String) throws -> StoredTensor {
    guard let own = ggufName(name), file.contains(own) else {
      throw ModelError.missingTensor(name: ggufName(name) ?? name, path: path)
    }
    return try file.tensor(own)
  }

  /// Rows (head, pair, half) back to (head, half, pair); of a bias, its values.
  private func unpaired(_ values: [Float], heads: Int) -> [Float] {
    let half = model.attentionShape.headDimension / 2
    let rows = heads * 2 * half
    guard rows > 0, values.count % rows == 0 else { return values }
    let inputs = values.count / rows
    return [Float](unsafeUninitializedCapacity: values.count) { target, count in
      values.withUnsafeBufferPointer { source in
        for head in 0..<heads {
          for side in 0..<2 {
            for pair in 0..<half {
              let to = ((head * 2 + side) * half + pair) * inputs
              let from = ((head * half + pair) * 2 + side) * inputs
              for j in 0..<inputs { target[to + j] = source[from + j] }
            }
          }
        }
      }
      count = values.count
    }
  }

  /// The file's name of a tensor; nil for one that it has no name for.
  private func ggufName(_ name: String) -> String? {
    if name == model.headName { return "output.weight" }
    return tensors[name].flatMap { model.architecture.ggufName(of: $0) }
  }
}

extension ElementType {
  /// The blocks that are multiplied as they are; nil for other types.
  fileprivate var blockKind: StoredBlocks.Kind? { ggmlNumber.flatMap { StoredBlocks.Kind(number: $0) } }
}
