import MotetModels
import MotetTensor

/// The fastest that this machine multiplies in a precision: the best rate over the base's own matrix shapes, many
/// rows at a time, inputs already in the precision.
public struct ProductCeiling: Sendable, Codable, Equatable {
  public var precision: Precision
  /// Operations (a multiplication and an addition are two) a second.
  public var operationsPerSecond: Double
  /// `[inputs, outputs]` of the shape that reached it.
  public var inputs: Int
  public var outputs: Int

  /// - Parameters:
  ///   - rows: of each product
  ///   - seconds: spent on each shape
  @Compute
  public static func measure(
    _ precision: Precision, shapes: [(inputs: Int, outputs: Int)], rows: Int = 1024, seconds: Double = 0.25
  ) throws -> ProductCeiling {
    var best = ProductCeiling(precision: precision, operationsPerSecond: 0, inputs: 0, outputs: 0)
    var generator = SeededGenerator(seed: 1)
    for (inputs, outputs) in shapes {
      let weights = (0..<inputs * outputs).map { _ in Float(generator.uniform() - 0.5) }
      let matrix = try FrozenMatrix(weights, outputs: outputs, inputs: inputs, precision: precision)
      let values = (0..<rows * inputs).map { _ in Float(generator.uniform() - 0.5) }
      let x = Tensor(rows: rows, columns: inputs, values)
        .converted(to: precision == .f32 ? .f32 : .bf16)
      let y = Tensor(rows: rows, columns: outputs)
      let end = ContinuousClock.now + .seconds(seconds)
      while ContinuousClock.now < end {
        let began = ContinuousClock.now
        try matrix.multiply(x, into: y)
        let rate = 2 * Double(rows * inputs * outputs) / (ContinuousClock.now - began).inSeconds
        if rate > best.operationsPerSecond {
          best = ProductCeiling(
            precision: precision, operationsPerSecond: rate, inputs: inputs, outputs: outputs)
        }
      }
    }
    return best
  }
}

extension TrainingBench {
  /// The ceiling that training on this base is judged by.
  @Compute
  public func ceiling() throws -> ProductCeiling {
    var shapes = base.model.layers[0].groups.map { group in
      (group[0].inputs, group.reduce(0) { $0 + $1.outputs })
    }
    // The way back multiplies turned matrices.
    shapes.append((shapes[2].1, shapes[2].0))
    return try .measure(.automatic, shapes: shapes)
  }
}
