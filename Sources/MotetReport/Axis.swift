import Foundation

/// A range of values on a straight stretch of pixels, with ticks at round numbers.
struct Axis {
  let low: Double
  let high: Double
  let ticks: [Double]
  /// Whether equal stretches are equal factors.
  let isLogarithmic: Bool

  /// Covers the finite ones of `values`; a single value or none gets a range of its own.
  ///
  /// - Parameter isLoose: widens the range to the ticks around it.
  init(covering values: [Double], about count: Int = 5, isLoose: Bool = true) {
    let finite = values.filter(\.isFinite)
    var low = finite.min() ?? 0
    var high = finite.max() ?? 1
    // Keeps differences and ticks finite for values near the end of the range of a Double.
    low = max(low, -1e300)
    high = min(high, 1e300)
    if !(high - low > 1e-9 * max(abs(low), abs(high), 1e-9)) {
      let margin = max(abs(low) * 0.1, low == 0 ? 1 : 1e-9)
      low -= margin
      high += margin
    }
    let step = Self.roundStep((high - low) / Double(max(count, 1)))
    let first = isLoose ? (low / step + 1e-9).rounded(.down) : (low / step - 1e-9).rounded(.up)
    let last = isLoose ? (high / step - 1e-9).rounded(.up) : (high / step + 1e-9).rounded(.down)
    let steps = Int(min(max(last - first, 0), 50))
    ticks = (0...steps).map { (first + Double($0)) * step }
    self.low = isLoose ? min(low, ticks.first ?? low) : low
    self.high = isLoose ? max(high, ticks.last ?? high) : high
    isLogarithmic = false
  }

  /// Covers the positive ones of `values` with equal stretches for equal factors: ticks at powers of ten, and between
  /// them where there are few.
  init(logarithmicCovering values: [Double]) {
    let positive = values.filter { $0.isFinite && $0 > 0 }
    // A margin keeps the outermost points off the frame.
    let low = max((positive.min() ?? 1) / 1.25, 1e-300)
    let high = min(max((positive.max() ?? 10) * 1.25, low * 2), 1e300)
    let powers = Int(log10(low).rounded(.down))...Int(log10(high).rounded(.up))
    let every = max(1, powers.count / 8)
    let multiples: [Double] =
      log10(high / low) < 1.2 ? [1, 2, 3, 5, 7] : log10(high / low) < 2.5 ? [1, 3] : [1]
    ticks = powers.filter { $0 % every == 0 }.flatMap { power in multiples.map { $0 * pow(10, Double(power)) }
    }
    .filter { (low...high).contains($0) }
    self.low = low
    self.high = high
    isLogarithmic = true
  }

  /// The next of 1, 2, 2.5, 5 or 10 times a power of ten.
  private static func roundStep(_ raw: Double) -> Double {
    let power = pow(10, log10(raw).rounded(.down))
    let choice = [1, 2, 2.5, 5].first { $0 * power >= raw * 0.999 } ?? 10
    return choice * power
  }

  /// Where `value` lies, 0 at the low end, 1 at the high one.
  func position(_ value: Double) -> Double {
    isLogarithmic ? log10(value / low) / log10(high / low) : (value - low) / (high - low)
  }

  /// A tick with the decimals that tell it from its neighbours.
  func label(_ tick: Double) -> String {
    if isLogarithmic { return counted(tick) }
    guard tick != 0, ticks.count > 1 else { return readable(tick) }
    let largest = ticks.map(abs).max() ?? 0
    if largest >= 1e7 || largest < 1e-3 {
      let power = (log10(abs(tick)) + 1e-9).rounded(.down)
      return coordinate(tick / pow(10, power)) + "e" + coordinate(power)
    }
    if abs(tick) >= 1000, ticks.allSatisfy({ $0 == $0.rounded() }) { return readable(tick) }
    let decimals = (-log10(ticks[1] - ticks[0])).rounded(.up) + 1
    return trimmed(String(format: "%.\(Int(min(max(decimals, 0), 9)))f", tick))
  }
}
