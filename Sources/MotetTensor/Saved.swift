/// The format of activations between operators and of those the tape keeps for the backward pass.
public enum ActivationStorage: Sendable {
  case f32
  /// Half the memory; what a bf16 base sees of its inputs anyway. The residual stream stays f32.
  case bf16

  /// Bytes of a value.
  var stride: Int {
    switch self {
    case .f32: 4
    case .bf16: 2
    }
  }
}

/// An activation kept for the backward pass.
@Compute
struct Saved {
  private let kept: Tensor

  init(_ tensor: Tensor, as storage: ActivationStorage) { kept = tensor.converted(to: storage) }

  /// The activation, widened when it was kept narrow.
  func tensor() -> Tensor { kept.converted(to: .f32) }
}
