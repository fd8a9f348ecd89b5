import CKernels

/// How the tape keeps activations for the backward pass.
public enum ActivationStorage: Sendable {
  case f32
  /// Half the memory; what a bf16 base saw of its inputs anyway.
  case bf16
}

/// An activation kept for the backward pass.
@Compute
struct Saved {
  private let rows: Int
  private let columns: Int
  private let whole: Tensor?
  private let narrow: Buffer?

  init(_ tensor: Tensor, as storage: ActivationStorage) {
    rows = tensor.rows
    columns = tensor.columns
    switch storage {
    case .f32:
      whole = tensor
      narrow = nil
    case .bf16:
      whole = nil
      let buffer = Buffer(bytes: tensor.count * MemoryLayout<UInt16>.stride)
      mk_to_bf16(tensor.data, buffer.pointer.assumingMemoryBound(to: UInt16.self), Int64(tensor.count))
      narrow = buffer
    }
  }

  /// The activation, widened when it was kept narrow.
  func tensor() -> Tensor {
    if let whole { return whole }
    let tensor = Tensor(rows: rows, columns: columns)
    if let narrow {
      mk_from_bf16(narrow.pointer.assumingMemoryBound(to: UInt16.self), tensor.data, Int64(tensor.count))
    }
    return tensor
  }
}
