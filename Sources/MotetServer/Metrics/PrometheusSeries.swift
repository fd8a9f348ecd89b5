import Metrics
import Synchronization

/// A number that only grows.
final class CounterSeries: PrometheusSeries, CounterHandler, FloatingPointCounterHandler {
  private let value = Mutex(0.0)

  func increment(by amount: Int64) { increment(by: Double(amount)) }
  func increment(by amount: Double) {
    guard amount > 0, amount.isFinite else { return }
    value.withLock { $0 += amount }
  }
  func reset() { value.withLock { $0 = 0 } }

  func lines(name: String, labels: String) -> String {
    PrometheusText.line(name, labels, value.withLock { $0 })
  }
}

/// A number that goes up and down.
final class GaugeSeries: PrometheusSeries, MeterHandler, RecorderHandler {
  private let value = Mutex(0.0)

  func set(_ value: Int64) { set(Double(value)) }
  func set(_ new: Double) { value.withLock { $0 = new } }
  func increment(by amount: Double) { value.withLock { $0 += amount } }
  func decrement(by amount: Double) { value.withLock { $0 -= amount } }
  func record(_ value: Int64) { set(Double(value)) }
  func record(_ value: Double) { set(value) }

  func lines(name: String, labels: String) -> String {
    PrometheusText.line(name, labels, value.withLock { $0 })
  }
}

/// How often values fell below each of some bounds, how many there were, and their sum.
final class HistogramSeries: PrometheusSeries, RecorderHandler, TimerHandler {
  /// For seconds: from a cached embedding to a long answer.
  static let seconds = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300,
  ]
  /// For counts: rows, tokens, segments, tokens a second.
  static let counts = (0...14).map { Double(1 << $0) }

  private let bounds: [Double]
  private let state: Mutex<State>

  private struct State {
    /// Values in each bucket, not of those below it.
    var counts: [Int]
    var count = 0
    var sum = 0.0
  }

  init(bounds: [Double]) {
    self.bounds = bounds
    state = Mutex(State(counts: Array(repeating: 0, count: bounds.count)))
  }

  func record(_ value: Int64) { record(Double(value)) }

  func record(_ value: Double) {
    guard value.isFinite else { return }
    let bucket = bounds.firstIndex { value <= $0 }
    state.withLock { state in
      if let bucket { state.counts[bucket] += 1 }
      state.count += 1
      state.sum += value
    }
  }

  func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

  func lines(name: String, labels: String) -> String {
    let state = state.withLock { $0 }
    let before = labels.isEmpty ? "" : labels + ","
    var below = 0
    var lines = ""
    for (bound, count) in zip(bounds, state.counts) {
      below += count
      lines += PrometheusText.line(
        name + "_bucket", before + "le=\"\(PrometheusText.number(bound))\"", Double(below))
    }
    lines += PrometheusText.line(name + "_bucket", before + "le=\"+Inf\"", Double(state.count))
    lines += PrometheusText.line(name + "_sum", labels, state.sum)
    return lines + PrometheusText.line(name + "_count", labels, Double(state.count))
  }
}
