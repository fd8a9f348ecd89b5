import MotetModels
import MotetTensor

/// LoRA whose A stays as it was drawn (Zhang et al. 2023, arXiv 2308.03303, §3.1): ∂L/∂B = s·dyᵀ·(x·Aᵀ) asks for x·Aᵀ of
/// `[tokens, rank]` alone, so that the input x of the matrix, `[tokens, inputs]`, need not be kept for the way back.
///
/// PEFT's `LoraFAOptimizer` also multiplies B's gradient by (A·Aᵀ)⁻¹/s²; here B moves as with any other optimizer.
public struct LoRAFA: LowRankMethod, Equatable {
  public static let name = "lora-fa"
  public static let title = "LoRA whose A is frozen: half of what is trained, and fewer activations kept"
  public static let source = "Zhang et al. 2023, arXiv 2308.03303"
  public static let learningRate = 2e-3

  public var shape: LoRA

  public init(_ shape: LoRA = LoRA()) { self.shape = shape }
  public init(_ settings: MethodSettings) { shape = settings.shape }

  @Compute
  public func begin(on base: BaseModel, seed: UInt64) throws -> any TrainableAdapter {
    try `continue`(shape.initialWeights(for: base, seed: seed), on: base)
  }

  @Compute
  public func `continue`(_ weights: AdapterWeights, on base: BaseModel) throws -> any TrainableAdapter {
    TrainableLoRA(weights, on: base, dropout: dropout, trainsA: false)
  }
}
