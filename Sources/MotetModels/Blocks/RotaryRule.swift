import Foundation
import MotetFormats
import MotetTensor

/// How positions turn into angles: the base of the frequencies, and how they are scaled for contexts beyond those that the
/// model was trained with.
///
/// Sources: Su et al. 2021, arXiv 2104.09864; the scalings as transformers computes them (`modeling_rope_utils.py`):
/// linear and dynamic NTK, YaRN (Peng et al. 2023, 2309.00071), LongRoPE (Ding et al. 2024, 2402.13753), Llama 3.
public struct RotaryRule: Sendable, Equatable {
  public enum Scaling: Sendable, Equatable {
    case none
    case linear(factor: Double)
    /// Dynamic NTK: the base grows once a sequence is longer than `original` positions.
    case dynamic(original: Int)
    case llama3(factor: Double, low: Double, high: Double, original: Int)
    case yarn(Yarn)
    /// One divisor a frequency, for sequences of up to `original` positions; longer ones have others.
    case longrope(short: [Double], original: Int)
  }

  public struct Yarn: Sendable, Equatable {
    public var factor: Double
    public var original: Int
    public var fast = 32.0
    public var slow = 1.0
    /// Whether the bounds between frequencies that are scaled and those that are not are whole numbers.
    public var truncates = true
  }

  /// Base of the frequencies.
  public var theta: Double
  /// How many dimensions of a head are rotated.
  public var dimensions: Int
  public var scaling = Scaling.none
  /// Cosines and sines are multiplied by it.
  public var factor = 1.0

  public init(theta: Double, dimensions: Int, scaling: Scaling = .none, factor: Double = 1) {
    self.theta = theta
    self.dimensions = dimensions
    self.scaling = scaling
    self.factor = factor
  }

  /// Cosines and sines of all positions below `positions`.
  func table(positions: Int) -> RotaryTable {
    RotaryTable(positions: positions, frequencies: frequencies, factor: Float(factor))
  }

  /// The longest sequence that the frequencies hold for; nil for any. Beyond it, a longer sequence has other frequencies,
  /// and keys that were kept would have to be rotated anew.
  var positions: Int? {
    switch scaling {
    case .dynamic(let original), .longrope(_, let original): original
    default: nil
    }
  }

  /// Angles a position, `[dimensions / 2]`.
  var frequencies: [Float] {
    let plain = Self.frequencies(theta, dimensions)
    switch scaling {
    case .none, .dynamic: return plain
    case .linear(let factor): return plain.map { $0 / Float(factor) }
    case .llama3(let factor, let low, let high, let original):
      return plain.map { Self.llama3($0, factor, low: low, high: high, original: Double(original)) }
    case .yarn(let yarn): return yarn.frequencies(theta, dimensions)
    case .longrope(let short, _): return zip(plain, short).map { Float(Double($0) / $1) }
    }
  }

  private static func frequencies(_ theta: Double, _ dimensions: Int) -> [Float] {
    (0..<dimensions / 2).map { Float(1 / pow(theta, Double(2 * $0) / Double(dimensions))) }
  }

  /// Long waves are stretched, short ones stay, and those between are in between.
  private static func llama3(
    _ frequency: Float, _ factor: Double, low: Double, high: Double, original: Double
  ) -> Float {
    let wave = 2 * Double.pi / Double(frequency)
    let scaled = Double(frequency) / factor
    if wave > original / low { return Float(scaled) }
    if wave < original / high { return frequency }
    let smooth = (original / wave - low) / (high - low)
    return Float((1 - smooth) * scaled + smooth * Double(frequency))
  }
}

extension RotaryRule.Yarn {
  /// Frequencies that turn less than `slow` times within the original context are divided by the factor, those that turn
  /// more than `fast` times stay, and those between are in between.
  fileprivate func frequencies(_ theta: Double, _ dimensions: Int) -> [Float] {
    func place(of turns: Double) -> Double {
      Double(dimensions) * log(Double(original) / (turns * 2 * .pi)) / (2 * log(theta))
    }
    let bounds = (place(of: fast), place(of: slow))
    let low = max(truncates ? bounds.0.rounded(.down) : bounds.0, 0)
    var high = min(truncates ? bounds.1.rounded(.up) : bounds.1, Double(dimensions - 1))
    if high == low { high += 0.001 }
    return (0..<dimensions / 2).map { place in
      let plain = 1 / pow(theta, Double(2 * place) / Double(dimensions))
      let share = min(max((Double(place) - low) / (high - low), 0), 1)
      return Float(plain / factor * share + plain * (1 - share))
    }
  }

  /// The attention factor of a scaling that names none (Peng et al. 2023, equation 22).
  static func factor(_ scale: Double, _ multiplier: Double = 1) -> Double {
    scale <= 1 ? 1 : 0.1 * multiplier * log(scale) + 1
  }
}
