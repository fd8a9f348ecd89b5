import CKernels
import Foundation
import MotetTensor

/// AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) with PyTorch's order of operations.
@Compute
public final class AdamW {
  public struct Options: Sendable, Equatable {
    public var beta1 = 0.9
    public var beta2 = 0.999
    public var epsilon = 1e-8
    public var weightDecay = 0.01

    public init(weightDecay: Double = 0.01) { self.weightDecay = weightDecay }
  }

  private let options: Options
  private let parameters: [(parameter: Parameter, mean: Tensor, square: Tensor)]
  private var steps = 0

  public init(_ parameters: [Parameter], options: Options) {
    self.options = options
    self.parameters = parameters.map {
      (
        $0, Tensor.zeros(rows: $0.rows, columns: $0.columns), Tensor.zeros(rows: $0.rows, columns: $0.columns)
      )
    }
  }

  /// √Σg² over all parameters.
  public func gradientNorm() -> Double {
    parameters.reduce(0) { sum, entry in
      guard let gradient = entry.parameter.gradient else { return sum }
      return sum + mk_sum_of_squares(gradient.data, Int64(gradient.count))
    }.squareRoot()
  }

  /// Moves the parameters and zeroes their gradients.
  /// - Parameter gradientScale: what the gradients are multiplied by first, for clipping
  public func step(learningRate: Double, gradientScale: Double) {
    steps += 1
    var arguments = mk_adamw_step(
      learning_rate: Float(learningRate), beta1: Float(options.beta1), beta2: Float(options.beta2),
      epsilon: Float(options.epsilon), weight_decay: Float(options.weightDecay),
      correction1: Float(1 - pow(options.beta1, Double(steps))),
      correction2: Float(1 - pow(options.beta2, Double(steps))), gradient_scale: Float(gradientScale))
    for (parameter, mean, square) in parameters {
      guard let gradient = parameter.gradient else { continue }
      mk_adamw(
        parameter.values.data, gradient.data, mean.data, square.data, Int64(parameter.count), &arguments)
      gradient.fill(0)
    }
  }
}
