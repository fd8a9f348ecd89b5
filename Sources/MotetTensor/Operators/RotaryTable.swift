import Foundation

/// Cosines and sines of the rotation by position, `[positions, pairs]` each (Su et al. 2021, arXiv 2104.09864).
public struct RotaryTable: Sendable {
  let positions: Int
  /// Pairs of a head's values that are rotated.
  let pairs: Int
  let cosines: [Float]
  let sines: [Float]

  /// The table of layers that rotate nothing.
  public static let none = RotaryTable(positions: 0, frequencies: [])

  /// - Parameters:
  ///   - frequencies: the angle, in radians, by which each pair turns from one position to the next: what transformers
  ///     calls `inv_freq`, in f32 as there
  ///   - factor: multiplies cosines and sines: the attention factor of YaRN (Peng et al. 2023, arXiv 2309.00071, §3.4)
  ///     and LongRoPE
  public init(positions: Int, frequencies: [Float], factor: Float = 1) {
    self.positions = positions
    pairs = frequencies.count
    var cosines = [Float](repeating: 0, count: positions * pairs)
    var sines = cosines
    for (j, frequency) in frequencies.enumerated() {
      for position in 0..<positions {
        let angle = Float(position) * frequency
        cosines[position * pairs + j] = cos(angle) * factor
        sines[position * pairs + j] = sin(angle) * factor
      }
    }
    self.cosines = cosines
    self.sines = sines
  }

  /// Whole heads, with frequencies θ^(-2j/headDimension).
  public init(positions: Int, headDimension: Int, theta: Double) {
    self.init(
      positions: positions,
      frequencies: (0..<headDimension / 2).map { j in
        Float(1 / pow(theta, Double(2 * j) / Double(headDimension)))
      })
  }
}
