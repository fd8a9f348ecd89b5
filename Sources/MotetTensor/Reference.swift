import Foundation

/// The scalar of the reference path: f32 to compare the fast path with, f64 to check gradients by finite
/// differences.
public protocol ReferenceScalar: BinaryFloatingPoint {
  static func exp(_ x: Self) -> Self
  static func log(_ x: Self) -> Self
  static func erf(_ x: Self) -> Self
  static func tanh(_ x: Self) -> Self
}

extension Float: ReferenceScalar {
  public static func exp(_ x: Float) -> Float { Foundation.exp(x) }
  public static func log(_ x: Float) -> Float { Foundation.log(x) }
  public static func erf(_ x: Float) -> Float { Foundation.erf(x) }
  public static func tanh(_ x: Float) -> Float { Foundation.tanh(x) }
}

extension Double: ReferenceScalar {
  public static func exp(_ x: Double) -> Double { Foundation.exp(x) }
  public static func log(_ x: Double) -> Double { Foundation.log(x) }
  public static func erf(_ x: Double) -> Double { Foundation.erf(x) }
  public static func tanh(_ x: Double) -> Double { Foundation.tanh(x) }
}

/// Plain loops that say what each operator means. Each operator's file adds its own here.
public enum Reference {
  /// x·Wᵀ for W `[outputs, inputs]` when `transposed`, x·W for W `[inputs, outputs]` otherwise.
  public static func product<T: ReferenceScalar>(
    _ x: [T], _ w: [T], rows: Int, outputs: Int, inputs: Int, transposed: Bool
  ) -> [T] {
    var y = [T](repeating: 0, count: rows * outputs)
    for i in 0..<rows {
      for j in 0..<outputs {
        var sum: T = 0
        for k in 0..<inputs {
          sum += x[i * inputs + k] * (transposed ? w[j * inputs + k] : w[k * outputs + j])
        }
        y[i * outputs + j] = sum
      }
    }
    return y
  }

  /// aᵀ·b for a `[rows, m]` and b `[rows, n]`: the gradient of a weight.
  public static func outer<T: ReferenceScalar>(_ a: [T], _ b: [T], rows: Int, m: Int, n: Int) -> [T] {
    var c = [T](repeating: 0, count: m * n)
    for r in 0..<rows {
      for i in 0..<m {
        for j in 0..<n { c[i * n + j] += a[r * m + i] * b[r * n + j] }
      }
    }
    return c
  }
}
