import CKernels
import Foundation
import MotetTensor

/// AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) with PyTorch's order of operations.
@Compute
public final class AdamW: Optimizer {
  public struct Options: Sendable, Equatable {
    public var beta1 = 0.9
    public var beta2 = 0.999
    public var epsilon = 1e-8
    public var weightDecay = 0.01

    public init(weightDecay: Double = 0.01) { self.weightDecay = weightDecay }

    /// What the kernels of one step take.
    /// - Parameter step: counted from 1
    func arguments(step: Int, learningRate: Double, gradientScale: Double) -> mk_adamw_step {
      mk_adamw_step(
        learning_rate: Float(learningRate), beta1: Float(beta1), beta2: Float(beta2), epsilon: Float(epsilon),
        weight_decay: Float(weightDecay), correction1: Float(1 - pow(beta1, Double(step))),
        correction2: Float(1 - pow(beta2, Double(step))), gradient_scale: Float(gradientScale))
    }
  }

  public let parameters: [Parameter]
  private let options: Options
  private let moments: [(mean: Tensor, square: Tensor)]
  private var steps = 0

  public init(_ parameters: [Parameter], options: Options) {
    self.options = options
    self.parameters = parameters
    moments = parameters.map {
      (Tensor.zeros(rows: $0.rows, columns: $0.columns), Tensor.zeros(rows: $0.rows, columns: $0.columns))
    }
  }

  public func step(learningRate: Double, gradientScale: Double) {
    steps += 1
    var arguments = options.arguments(
      step: steps, learningRate: learningRate, gradientScale: gradientScale)
    for (parameter, moment) in zip(parameters, moments) {
      guard let gradient = parameter.gradient else { continue }
      arguments.learning_rate = Float(learningRate * parameter.rate)
      mk_adamw(
        parameter.values.data, gradient.data, moment.mean.data, moment.square.data, Int64(parameter.count),
        &arguments)
      gradient.fill(0)
    }
  }

  public var state: OptimizerState {
    var state = OptimizerState(steps: steps)
    for (index, moment) in moments.enumerated() {
      state.blobs["mean.\(index)"] = moment.mean.bytes
      state.blobs["square.\(index)"] = moment.square.bytes
    }
    return state
  }

  public func restore(_ state: OptimizerState) throws {
    let blobs = try parameters.enumerated().map { index, parameter in
      let bytes = parameter.count * MemoryLayout<Float>.stride
      return (
        mean: try state.blob("mean.\(index)", bytes: bytes),
        square: try state.blob("square.\(index)", bytes: bytes)
      )
    }
    for (moment, blob) in zip(moments, blobs) {
      moment.mean.take(blob.mean)
      moment.square.take(blob.square)
    }
    steps = state.steps
  }
}

extension Tensor {
  /// The values as they lie in memory.
  var bytes: Data { Data(bytes: data, count: count * MemoryLayout<Float>.stride) }

  /// Takes values as ``bytes`` gave them; `bytes` is as large as the tensor.
  func take(_ bytes: Data) {
    precondition(bytes.count == count * MemoryLayout<Float>.stride)
    bytes.withUnsafeBytes { source in
      if let base = source.baseAddress {
        data.update(from: base.assumingMemoryBound(to: Float.self), count: count)
      }
    }
  }
}
