import MotetModels
import MotetTensor

/// LoRA with two learning rates, η for A and λ·η for B (Hayou et al. 2024, arXiv 2402.12354, §3.3): with one rate for
/// both, the wider the model the less B learns.
///
/// As in PEFT's `create_loraplus_optimizer`, the decay of the weights follows each rate.
public struct LoRAPlus: LowRankMethod, Equatable {
  public static let name = "lora+"
  public static let title = "LoRA whose B learns λ times faster than A"
  public static let source = "Hayou et al. 2024, arXiv 2402.12354"
  public static let learningRate = 1e-4
  public static let options = [
    MethodOption("b-rate", "λ", "The learning rate of B is λ times that of A (16)."), RankSchedule.option,
  ]

  public var shape: LoRA
  /// λ
  public var rateOfB: Double

  public init(_ shape: LoRA = LoRA(), rateOfB: Double = 16) {
    self.shape = shape
    self.rateOfB = rateOfB
  }

  public init(_ settings: MethodSettings) throws {
    self.init(try settings.scheduledShape(), rateOfB: try settings.number("b-rate", or: 16, within: 1...1000))
  }

  public var ownSettings: [String: String] { ["b-rate": "\(rateOfB)"] }

  @Compute
  public func begin(on base: BaseModel, seed: UInt64) throws -> any TrainableAdapter {
    try `continue`(shape.initialWeights(for: base, seed: seed), on: base)
  }

  @Compute
  public func `continue`(_ weights: AdapterWeights, on base: BaseModel) throws -> any TrainableAdapter {
    shape.trainable(weights, on: base, rateOfB: rateOfB, method: Self.name)
  }
}
