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
  private let moments: StateMemory
  public private(set) var steps = 0

  /// The mean of the gradients and that of their squares.
  nonisolated static let kinds = [StateMemory.Kind](repeating: .init(values: 1, bytes: 4), count: 2)

  public init(_ parameters: [Parameter], options: Options) {
    self.options = options
    self.parameters = parameters
    moments = StateMemory(Self.kinds, counts: parameters.map(\.count))
  }

  /// - Throws: ``OptimizerMemoryError``
  public init(_ parameters: [Parameter], options: Options, memory: OptimizerMemory?) throws {
    self.options = options
    self.parameters = parameters
    moments = try StateMemory(Self.kinds, counts: parameters.map(\.count), memory: memory)
  }

  public func step(learningRate: Double, gradientScale: Double) {
    steps += 1
    var arguments = options.arguments(
      step: steps, learningRate: learningRate, gradientScale: gradientScale)
    for (index, parameter) in parameters.enumerated() {
      guard let gradient = parameter.gradient else { continue }
      arguments.learning_rate = Float(learningRate * parameter.rate)
      let (values, slope) = (parameter.values.data, gradient.data)
      moments.forEachPiece(of: index) { range, arrays in
        mk_adamw(
          values + range.lowerBound, slope + range.lowerBound, arrays[0].assumingMemoryBound(to: Float.self),
          arrays[1].assumingMemoryBound(to: Float.self), Int64(range.count), &arguments)
      }
      gradient.fill(0)
    }
  }

  private static let names = ["mean", "square"]

  public var arrays: [OptimizerArray] {
    moments.arrays(Self.names.map { name in { "\(name).\($0)" } })
  }

  public func restore(_ state: OptimizerState) throws {
    try moments.take(
      state, names: Self.names.map { name in { "\(name).\($0)" } }, parameters: parameters.count)
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
