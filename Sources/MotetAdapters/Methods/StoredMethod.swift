import Foundation
import MotetFormats

/// A method whose adapters have a ``MethodContent``, and so files of their own. Those of others are low-rank factors
/// and nothing else, and are kept as LoRA.
package protocol StoredMethod: AdapterMethod {
  /// Whether the members of an `adapter_config.json` are those of this method.
  static func reads(_ members: [String: JSONValue]) -> Bool
  /// - Throws: `FormatError`, `AdapterWeightsError`
  static func read(_ folder: PEFTFolder) throws -> AdapterWeights
  /// Writes `adapter_config.json` and `adapter_model.safetensors`, both complete before either appears.
  static func write(_ weights: AdapterWeights, to folder: URL) throws
}

extension AdapterMethods {
  static var stored: [any StoredMethod.Type] { all.compactMap { $0 as? any StoredMethod.Type } }

  /// The method of the adapter in a folder, as far as its files show it.
  /// - Throws: `FormatError`
  package static func method(of folder: URL) throws -> any AdapterMethod.Type {
    let members = try JSONValue.object(contentsOf: folder.appending(path: "adapter_config.json"))
    return stored.first { $0.reads(members) } ?? LoRA.self
  }
}
