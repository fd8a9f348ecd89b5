import MotetModels
import MotetTensor

/// ΔW = (α/√r)·B·A (Kalajdzievski 2023, arXiv 2312.03732, equation 3): with α/r, what a step changes fades as the rank
/// grows; with α/√r it keeps its size.
///
/// So α says how strong the update is whatever the rank, and is 8 where it is not given: at rank 16 the scale is 2, as
/// with LoRA's own default.
public struct RSLoRA: LowRankMethod, Equatable {
  public static let name = "rslora"
  public static let title = "LoRA with the scale α/√r, so that a larger rank learns no slower"
  public static let source = "Kalajdzievski 2023, arXiv 2312.03732"
  public static let learningRate = 1e-3
  public static let standards: [SharedOption: String] = [.alpha: "8"]
  public static let options = [RankSchedule.option]

  public var shape: LoRA

  public init(_ shape: LoRA) { self.shape = shape }

  public init(_ settings: MethodSettings) throws {
    shape = try settings.scheduledShape()
    if !settings.given.contains(.alpha) { shape.alpha = 8 }
  }

  @Compute
  public func begin(on base: BaseModel, seed: UInt64) throws -> any TrainableAdapter {
    let weights = try shape.initialWeights(for: base, seed: seed, isRankStabilized: true)
    return shape.trainable(weights, on: base, method: Self.name)
  }

  /// - Throws: ``MethodError/notContinued(method:reason:)`` for an adapter whose scale follows the other rule
  @Compute
  public func `continue`(_ weights: AdapterWeights, on base: BaseModel) throws -> any TrainableAdapter {
    guard weights.isRankStabilized else {
      throw MethodError.notContinued(
        method: Self.name, reason: "its scale is α/r already; leave --method out to go on with that")
    }
    return shape.trainable(weights, on: base, method: Self.name)
  }
}
