import MotetFormats
import MotetModels

extension AdapterFit {
  /// Compares tensors of the base that an adapter's file holds too with the base's own: PEFT saves embeddings along where
  /// they are adapted, or the vocabulary was resized. Those that are the same change nothing.
  /// - Parameter savedAlong: by Hugging Face's names
  /// - Returns: what to tell of them; nil where there are none
  /// - Throws: ``ModelError/adapterMisfit(adapter:base:reason:)`` for one that the base does not have, or has otherwise
  func check(savedAlong tensors: [String: StoredTensor]) throws -> String? {
    let inventory = TensorInventory(base.model)
    for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
      let own = base.model.storedName(of: name)
      guard let shape = inventory[own]?.shape else {
        throw misfit("it holds \(name), which the base does not have")
      }
      guard tensor.shape == shape else {
        throw misfit(
          "\(name) is \(shape) in the base and \(tensor.shape) in the adapter, as after resize_token_embeddings; use "
            + "the base that was resized")
      }
      guard try isSame(tensor, as: own) else {
        throw misfit(
          "it holds \(name) with other values than the base's, and modules trained whole are not supported; merge it "
            + "into its base with PEFT (merge_and_unload) and use the result as a base")
      }
    }
    guard !tensors.isEmpty else { return nil }
    return
      "\(name): it holds \(tensors.keys.sorted().joined(separator: " and ")) too, unchanged; the base's own is used"
  }

  /// Equal but for the rounding to bf16; of a base in fewer bits, as near as such a base's own weights are.
  private func isSame(_ tensor: StoredTensor, as name: String) throws -> Bool {
    let source = base.source
    let (theirs, own) = (try tensor.floats(), try source.floats(name))
    guard theirs.count == own.count else { return false }
    if try source.stored(name) == nil, try source.nf4(name) == nil {
      return zip(theirs, own).allSatisfy { abs($0 - $1) <= abs($1) / 256 + 1e-30 }
    }
    var (difference, size) = (0.0, 0.0)
    for (a, b) in zip(theirs, own) {
      difference += Double((a - b) * (a - b))
      size += Double(b * b)
    }
    return difference <= Double(BaseIdentity.tolerance * BaseIdentity.tolerance) * size
  }
}
