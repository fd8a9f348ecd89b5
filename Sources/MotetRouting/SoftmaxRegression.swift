import Foundation

/// Rows of features a linear model can be fitted to: sparse words or dense hidden states.
protocol FeatureRows {
  var count: Int { get }
  /// How many features there are.
  var width: Int { get }
  /// Calls `visit(feature, value)` for every feature of a row that is not zero.
  func forEach(in row: Int, _ visit: (Int, Double) -> Void)
}

/// Rows in compressed form: only what is not zero.
struct SparseRows: FeatureRows {
  var width: Int
  private(set) var offsets = [0]
  private(set) var features: [Int32] = []
  private(set) var values: [Float] = []

  init(width: Int) { self.width = width }

  var count: Int { offsets.count - 1 }

  mutating func append(_ row: [(feature: Int, value: Double)]) {
    for entry in row {
      features.append(Int32(entry.feature))
      values.append(Float(entry.value))
    }
    offsets.append(features.count)
  }

  @inline(__always)
  func forEach(in row: Int, _ visit: (Int, Double) -> Void) {
    for k in offsets[row]..<offsets[row + 1] { visit(Int(features[k]), Double(values[k])) }
  }
}

/// Rows with every feature: `[count, width]`.
struct DenseRows: FeatureRows {
  let width: Int
  let count: Int
  private let values: [Float]

  init(_ rows: [[Float]], width: Int) {
    self.width = width
    count = rows.count
    values = rows.flatMap { $0 }
  }

  @inline(__always)
  func forEach(in row: Int, _ visit: (Int, Double) -> Void) {
    for k in 0..<width { visit(k, Double(values[row * width + k])) }
  }
}

/// Multinomial logistic regression with an L2 penalty, fitted to hard or soft targets.
///
/// Loss: Σᵢ mᵢ·CE(targetᵢ, softmax(xᵢ·W + b)) + λ/2·‖W‖², with Σ mᵢ = 1; the bias is not penalised.
struct SoftmaxRegression {
  /// `[width, classes]`.
  var weights: [Double]
  /// `[classes]`; all zero when fitted without a bias.
  var bias: [Double]

  /// Fits the model; the same input gives the same numbers.
  ///
  /// - Parameters:
  ///   - targets: `[rows, classes]`, each row summing to 1.
  ///   - importance: mᵢ, a number for each row.
  ///   - penalty: λ.
  static func fit<Rows: FeatureRows>(
    _ rows: Rows, targets: [[Double]], importance: [Double], penalty: Double, hasBias: Bool,
    steps: Int = 100
  ) -> SoftmaxRegression {
    let classes = targets.first?.count ?? 0
    let size = rows.width * classes
    let start = [Double](repeating: 0, count: size + classes)
    let fitted = LBFGS(maximumSteps: steps).minimize(start) { parameters, gradient in
      var loss = 0.0
      for i in 0..<size {
        loss += 0.5 * penalty * parameters[i] * parameters[i]
        gradient[i] = penalty * parameters[i]
      }
      for c in 0..<classes { gradient[size + c] = 0 }
      var scores = [Double](repeating: 0, count: classes)
      parameters.withUnsafeBufferPointer { p in
        gradient.withUnsafeMutableBufferPointer { g in
          scores.withUnsafeMutableBufferPointer { z in
            for row in 0..<rows.count {
              for c in 0..<classes { z[c] = p[size + c] }
              rows.forEach(in: row) { feature, value in
                let base = feature * classes
                for c in 0..<classes { z[c] += value * p[base + c] }
              }
              let highest = z.max() ?? 0
              var total = 0.0
              for c in 0..<classes { total += exp(z[c] - highest) }
              let logTotal = highest + log(total)
              for c in 0..<classes {
                loss -= importance[row] * targets[row][c] * (z[c] - logTotal)
                z[c] = importance[row] * (exp(z[c] - logTotal) - targets[row][c])
                if hasBias { g[size + c] += z[c] }
              }
              rows.forEach(in: row) { feature, value in
                let base = feature * classes
                for c in 0..<classes { g[base + c] += value * z[c] }
              }
            }
          }
        }
      }
      return loss
    }
    return SoftmaxRegression(weights: Array(fitted[..<size]), bias: Array(fitted[size...]))
  }
}

/// exp(z/T) normalised; safe for large scores.
func softmax(_ scores: [Double], temperature: Double = 1) -> [Double] {
  let highest = scores.max() ?? 0
  let exponentials = scores.map { exp(($0 - highest) / temperature) }
  let total = exponentials.reduce(0, +)
  return exponentials.map { $0 / total }
}
