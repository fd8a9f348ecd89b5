import Foundation
import MotetFormats
import MotetModels
import MotetTensor

extension PreparedAdapter {
  /// Bytes that a server keeps for an adapter beside its weights: its metrics and those of adapters that were here before
  /// it, its places in tables, and what malloc cannot use between them. Measured, of a thousand adapters asked for by a
  /// Zipf law: 11 to 17 KB.
  static let upkeep = 16 << 10

  /// The bytes that the adapter of a folder takes in memory, without those that it stands on: told by the shapes in its
  /// file, of which no more is read.
  /// - Throws: ``FormatError`` for a file that is not as it should be
  public static func expectedBytes(of folder: URL, for base: BaseModel) throws -> Int {
    guard let form = base.adapterForm, try AdapterMethods.method(of: folder).name == LoRA.name
    else {
      let file = try SafetensorsFile(contentsOf: folder.appendingPathComponent("adapter_model.safetensors"))
      // The values as they were read, and those that passes read.
      return try file.names.reduce(upkeep) { $0 + 2 * 4 * (try file.tensor($1).count) }
    }
    let file = try PEFTAdapterFile(folder)
    if file.paths.contains(AdapterWeights.head) {
      return try file.paths.map(file.shape).reduce(upkeep) { $0 + 2 * 4 * $1.rank * ($1.inputs + $1.outputs) }
    }
    return upkeep
      + LowRankFactors.byteCount(of: try file.paths.map(file.shape), form: form, sites: base.sites.count)
  }
}
