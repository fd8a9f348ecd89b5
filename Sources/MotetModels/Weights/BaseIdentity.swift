import CKernels
import MotetTensor

/// Which base model an adapter was trained on: strict on architecture, shapes and vocabulary, and tolerant of
/// precision on weights.
///
/// The weights are known by a sketch: a few seeded random projections r·W·c of each adapted matrix, with r and c
/// of ±1. The difference of two sketches estimates how far two models are apart whatever the size of their
/// matrices: rounding to bf16 moves them by 0.15%, to four bits by 8 to 10%.
public struct BaseIdentity: Codable, Sendable, Equatable {
  public var name: String?
  /// Such as `llama`.
  public var architecture: String
  public var layers: Int
  public var hidden: Int
  public var vocabulary: Int
  /// A few seeded random projections of each adapted matrix, by site.
  public var sketch: [String: [Float]]

  public init(
    name: String? = nil, architecture: String, layers: Int, hidden: Int, vocabulary: Int,
    sketch: [String: [Float]]
  ) {
    self.name = name
    self.architecture = architecture
    self.layers = layers
    self.hidden = hidden
    self.vocabulary = vocabulary
    self.sketch = sketch
  }

  /// Sketches farther apart than this, relative to their size, belong to different models. The steps of
  /// SmolLM2's Q4_1 say that its rounding moved the weights by 8.2% (9.1% in the coarsest matrix).
  package static let tolerance: Float = 0.15

  /// Why an adapter made for `self` does not fit `base`; nil when it does.
  public func mismatch(with base: BaseIdentity) -> String? {
    if architecture != base.architecture { return "architecture \(architecture), not \(base.architecture)" }
    if layers != base.layers { return "\(layers) layers, not \(base.layers)" }
    if hidden != base.hidden { return "hidden size \(hidden), not \(base.hidden)" }
    if vocabulary != base.vocabulary { return "vocabulary of \(vocabulary), not \(base.vocabulary)" }
    guard let distance = distance(to: base) else { return nil }
    if distance > Self.tolerance || distance.isNaN {
      return "other weights: they differ by \((distance * 1000).rounded() / 10)%, more than rounding explains"
    }
    return nil
  }

  /// The relative distance of two sketches over the sites both know; nil when there are none.
  public func distance(to other: BaseIdentity) -> Float? {
    var difference: Float = 0
    var size: Float = 0
    for (site, mine) in sketch {
      guard let theirs = other.sketch[site], theirs.count == mine.count else { continue }
      for (a, b) in zip(mine, theirs) {
        difference += (a - b) * (a - b)
        size += b * b
      }
    }
    guard size > 0 else { return nil }
    return (difference / size).squareRoot()
  }

  static let projections = 4

  /// r·W·c for four pairs of random ±1 vectors that depend on the site's name alone, scaled by 1/√(rows·columns).
  @Compute
  static func sketch(_ weights: UnsafePointer<Float>, outputs: Int, inputs: Int, site: String) -> [Float] {
    var generator = SeededGenerator(seed: 0x6d6f_7465_74, for: site)
    let k = projections
    let right = (0..<k * inputs).map { _ -> Float in generator.next() & 1 == 0 ? 1 : -1 }
    var half = [Float](repeating: 0, count: outputs * k)
    mk_gemm(
      Int64(outputs), Int64(k), Int64(inputs), 1, weights, Int64(inputs), 1, right, 1, Int64(inputs), 0,
      &half,
      Int64(k))
    var result = [Float](repeating: 0, count: k)
    for row in 0..<outputs {
      for j in 0..<k { result[j] += generator.next() & 1 == 0 ? half[row * k + j] : -half[row * k + j] }
    }
    let scale = 1 / Float(outputs * inputs).squareRoot()
    return result.map { $0 * scale }
  }
}
