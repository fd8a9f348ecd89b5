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
  private var moments: [Moments]
  private var steps = 0

  /// What is remembered of one parameter.
  private struct Moments {
    var mean: [UInt8]
    var meanScales: [Float]
    var square: [UInt8]
    var squareScales: [Float]

    init(count: Int) {
      let blocks = (count + MK_STATE_BLOCK - 1) / MK_STATE_BLOCK
      // Scales of 0 make any codes moments of 0.
      mean = Array(repeating: 0, count: count)
      square = mean
      meanScales = Array(repeating: 0, count: blocks)
      squareScales = meanScales
    }

    @Compute
    mutating func step(_ parameter: Parameter, _ gradient: Tensor, _ arguments: inout mk_adamw_step) {
      mk_adamw8(
        parameter.values.data, gradient.data, &mean, &meanScales, &square, &squareScales,
        Int64(parameter.count), &arguments)
    }
  }

  public init(_ parameters: [Parameter], options: AdamW.Options = AdamW.Options()) {
    self.options = options
    self.parameters = parameters
    moments = parameters.map { Moments(count: $0.count) }
  }

  /// Bytes of the moments.
  public var stateBytes: Int {
    moments.reduce(0) { $0 + 2 * ($1.mean.count + $1.meanScales.count * MemoryLayout<Float>.stride) }
  }

  public func step(learningRate: Double, gradientScale: Double) {
    steps += 1
    var arguments = options.arguments(
      step: steps, learningRate: learningRate, gradientScale: gradientScale)
    for (index, parameter) in parameters.enumerated() {
      guard let gradient = parameter.gradient else { continue }
      arguments.learning_rate = Float(learningRate * parameter.rate)
      moments[index].step(parameter, gradient, &arguments)
      gradient.fill(0)
    }
  }

  public var state: OptimizerState {
    var state = OptimizerState(steps: steps)
    for (index, moment) in moments.enumerated() {
      state.blobs["mean8.\(index)"] = Data(moment.mean)
      state.blobs["mean8.scales.\(index)"] = moment.meanScales.withUnsafeBytes { Data($0) }
      state.blobs["square8.\(index)"] = Data(moment.square)
      state.blobs["square8.scales.\(index)"] = moment.squareScales.withUnsafeBytes { Data($0) }
    }
    return state
  }

  public func restore(_ state: OptimizerState) throws {
    moments = try moments.enumerated().map { index, current in
      func scales(_ name: String) throws -> [Float] {
        let bytes = current.meanScales.count * MemoryLayout<Float>.stride
        let blob = try state.blob("\(name).scales.\(index)", bytes: bytes)
        return [Float](unsafeUninitializedCapacity: current.meanScales.count) { buffer, count in
          count = blob.copyBytes(to: buffer) / MemoryLayout<Float>.stride
        }
      }
      var moment = current
      moment.mean = [UInt8](try state.blob("mean8.\(index)", bytes: current.mean.count))
      moment.square = [UInt8](try state.blob("square8.\(index)", bytes: current.square.count))
      moment.meanScales = try scales("mean8")
      moment.squareScales = try scales("square8")
      return moment
    }
    steps = state.steps
  }
}
