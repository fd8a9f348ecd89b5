import CKernels
import Foundation
import MotetTensor

/// AdamW whose two moments take one byte each (Dettmers et al. 2021, arXiv 2110.02861): 2.03 bytes for each trained
/// value in place of 8.
///
/// Blocks of 256 values are held as indices into a dynamic map and one f32 scale. The paper took blocks of 2,048;
/// bitsandbytes takes 256 since version 0.45, because a large value then costs the precision of fewer
/// neighbours, and the scales still add only 1/64 byte a moment. The maps and the order of the codes are
/// bitsandbytes' own (`create_dynamic_map`). Unlike there, small parameters are held in 8 bits too: their last block
/// is only shorter, which makes it more exact. The arithmetic of a step is f32, and a step moves the parameters
/// by the moments as they are before they are rounded again.
@Compute
public final class AdamW8bit: Optimizer {
  public let parameters: [Parameter]
  private let options: AdamW.Options
  private let moments: StateMemory
  public private(set) var steps = 0

  /// The codes and the scales of the mean, and of the mean square. Scales of 0 make any codes moments of 0.
  nonisolated static let kinds: [StateMemory.Kind] = [
    .init(values: 1, bytes: 1), .init(values: Int(MK_STATE_BLOCK), bytes: 4),
    .init(values: 1, bytes: 1), .init(values: Int(MK_STATE_BLOCK), bytes: 4),
  ]
  private static let names: [(Int) -> String] = [
    { "mean8.\($0)" }, { "mean8.scales.\($0)" }, { "square8.\($0)" }, { "square8.scales.\($0)" },
  ]

  public init(_ parameters: [Parameter], options: AdamW.Options = AdamW.Options()) {
    self.options = options
    self.parameters = parameters
    moments = StateMemory(Self.kinds, counts: parameters.map(\.count))
  }

  /// - Throws: ``OptimizerMemoryError``
  public init(
    _ parameters: [Parameter], options: AdamW.Options = AdamW.Options(), memory: OptimizerMemory?
  ) throws {
    self.options = options
    self.parameters = parameters
    moments = try StateMemory(Self.kinds, counts: parameters.map(\.count), memory: memory)
  }

  /// Bytes of the moments.
  public var stateBytes: Int { moments.byteCount }

  public func step(learningRate: Double, gradientScale: Double) {
    steps += 1
    var arguments = options.arguments(
      step: steps, learningRate: learningRate, gradientScale: gradientScale)
    for (index, parameter) in parameters.enumerated() {
      guard let gradient = parameter.gradient else { continue }
      arguments.learning_rate = Float(learningRate * parameter.rate)
      let (values, slope) = (parameter.values.data, gradient.data)
      moments.forEachPiece(of: index) { range, arrays in
        mk_adamw8(
          values + range.lowerBound, slope + range.lowerBound, arrays[0].assumingMemoryBound(to: UInt8.self),
          arrays[1].assumingMemoryBound(to: Float.self), arrays[2].assumingMemoryBound(to: UInt8.self),
          arrays[3].assumingMemoryBound(to: Float.self), Int64(range.count), &arguments)
      }
      gradient.fill(0)
    }
  }

  public var arrays: [OptimizerArray] { moments.arrays(Self.names) }

  public func restore(_ state: OptimizerState) throws {
    try moments.take(state, names: Self.names, parameters: parameters.count)
    steps = state.steps
  }
}
