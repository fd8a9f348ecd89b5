import Metrics
import Synchronization

/// Keeps the most tokens that a pass had.
final class PassSizes: MetricsFactory, RecorderHandler, Sendable {
  let largest = Mutex(0)

  func record(_ value: Int64) { largest.withLock { $0 = max($0, Int(value)) } }
  func record(_ value: Double) {}

  func makeRecorder(
    label: String, dimensions: [(String, String)], aggregate: Bool
  ) -> any RecorderHandler {
    label == "motet_step_tokens" ? self : NOOPMetricsHandler.instance
  }
  func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    NOOPMetricsHandler.instance
  }
  func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    NOOPMetricsHandler.instance
  }
  func destroyCounter(_ handler: any CounterHandler) {}
  func destroyRecorder(_ handler: any RecorderHandler) {}
  func destroyTimer(_ handler: any TimerHandler) {}
}
