import Foundation
import MotetFormats
import MotetTensor

/// A base in NF4 as a folder: quantized once, and then a base like any other.
///
///     let base = try await BaseModel.load("smollm2-135m-instruct", precision: .nf4)
///     try await QuantizedModel(base).write(to: URL(filePath: "smollm2-nf4"))
///
/// The linear layers are stored as bitsandbytes stores them, so that transformers loads the folder too. Norms,
/// embedding and head are stored in bf16, as bitsandbytes leaves them; the last two are rounded to NF4 here when the
/// folder is loaded. What a base that was rounded by its inputs has beyond that, its head and the fifth bits of matrices,
/// stands in a file of its own, which transformers passes over; it finds NF4 without those bits.
@Compute
public struct QuantizedModel {
  public let base: BaseModel

  /// - Throws: ``ModelError/notQuantized(name:precision:)`` for a base that is not in NF4
  public init(_ base: BaseModel) throws {
    guard base.precision == .nf4 else {
      throw ModelError.notQuantized(name: base.name, precision: base.precision.rawValue)
    }
    self.base = base
  }

  /// Writes the folder; it appears whole or not at all.
  /// - Throws: ``ModelFolderError`` or `FormatError`
  public func write(to folder: URL, overwriting: Bool = false) throws {
    try ModelFolder(folder, overwriting: overwriting).write(
      base.model.huggingFaceJSON(type: .bf16, isNF4: true), from: base.source, tables: { try tables() },
      tensors: { try tensors() })
  }

  /// The head, where it is not what its wide values are rounded to when they are loaded, and the fifth bits of all that
  /// has some.
  private func tables() throws -> [SafetensorsWriter.Tensor] {
    var tables = try head()
    for group in base.layers.flatMap(\.groups) {
      for (member, matrix) in zip(group.members, group.matrix.nf4Parts) {
        guard let bits = matrix.fifthBits else { continue }
        tables.append(StoredNF4.fifthBits(base.model.weightName(at: base.sites[member.index]), bits))
      }
    }
    return tables
  }

  private func head() throws -> [SafetensorsWriter.Tensor] {
    let name = base.model.headSource
    guard let own = base.weights.head.nf4Parts.first else { return [] }
    if let bits = own.fifthBits {
      return StoredNF4.tensors(name, of: own) + [StoredNF4.fifthBits(name, bits)]
    }
    let wide = Tensor.roundedToBF16(try base.source.floats(name))
    let plain = NF4Matrix(quantizing: wide, outputs: own.outputs, inputs: own.inputs)
    return plain.codes == own.codes && plain.scales == own.scales ? [] : StoredNF4.tensors(name, of: own)
  }

  private func tensors() throws -> [SafetensorsWriter.Tensor] {
    let source = base.source
    var matrices: [String: (matrix: NF4Matrix, site: AdapterSite)] = [:]
    for group in base.layers.flatMap(\.groups) {
      for (member, matrix) in zip(group.members, group.matrix.nf4Parts) {
        let site = base.sites[member.index]
        matrices[base.model.weightName(at: site)] = (matrix, site)
      }
    }
    return try base.model.tensors.flatMap { spec -> [SafetensorsWriter.Tensor] in
      if let (matrix, site) = matrices[spec.name] {
        guard matrix.isNested else { throw ModelError.plainScales(site: site.path, path: source.path) }
        return StoredNF4.tensors(spec.name, of: matrix)
      }
      return [.init(name: spec.name, shape: spec.shape, type: .bf16) { try source.floats(spec.name) }]
    }
  }
}

extension StoredNF4 {
  static func tensors(_ name: String, of matrix: NF4Matrix) -> [SafetensorsWriter.Tensor] {
    tensors(
      name, shape: [matrix.outputs, matrix.inputs], codes: matrix.codes, scales: matrix.scales,
      largest: matrix.nestedScales, map: matrix.scaleMap, mean: matrix.scaleMean, code: NF4Matrix.code)
  }
}
