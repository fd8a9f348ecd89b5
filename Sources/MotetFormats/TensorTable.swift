/// The tensors of one file by name.
struct TensorTable: Sendable {
  let path: String
  /// Sorted.
  let names: [String]
  private let tensors: [String: StoredTensor]

  init(_ tensors: [String: StoredTensor], path: String) {
    self.path = path
    self.tensors = tensors
    names = tensors.keys.sorted()
  }

  /// Throws ``FormatError/noSuchTensor(file:name:)``.
  func tensor(_ name: String) throws -> StoredTensor {
    guard let tensor = tensors[name] else { throw FormatError.noSuchTensor(file: path, name: name) }
    return tensor
  }

  func contains(_ name: String) -> Bool { tensors[name] != nil }
}
