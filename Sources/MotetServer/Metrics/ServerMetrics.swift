import Metrics
import MotetRouting
import MotetServing

/// What a server counts of its answers, beside what the engine counts of its steps.
struct ServerMetrics: Sendable {
  let factory: PrometheusFactory

  private func count(_ label: String, by amount: Int = 1, _ dimensions: [(String, String)]) {
    Counter(label: label, dimensions: dimensions, factory: factory).increment(by: amount)
  }

  private func time(_ label: String, _ seconds: Double, _ dimensions: [(String, String)]) {
    Metrics.Timer(label: label, dimensions: dimensions, factory: factory).recordNanoseconds(
      Int64(max(0, seconds) * 1e9))
  }

  /// Speed is told here; what else there is to count of an answer, the engine counts.
  func ended(_ mix: ServedMix, _ usage: ServingUsage) {
    let decoding = usage.seconds - usage.firstTokenSeconds
    guard usage.completionTokens > 1, decoding > 0 else { return }
    for name in mix.terms.isEmpty ? ["base"] : mix.terms.map(\.name) {
      Recorder(label: "motet_tokens_per_second", dimensions: [("adapter", name)], factory: factory)
        .record(Double(usage.completionTokens - 1) / decoding)
    }
  }

  func routed(_ route: Route) {
    guard !route.isBase else { return count("motet_router_decisions", [("adapter", "base")]) }
    for entry in route.mix { count("motet_router_decisions", [("adapter", entry.adapter)]) }
  }

  /// - Parameter score: -1 to 1
  func feedback(_ names: [String], score: Double) {
    let verdict = score > 0 ? "up" : score < 0 ? "down" : "neutral"
    for name in names.isEmpty ? ["base"] : names {
      count("motet_feedback", [("adapter", name), ("verdict", verdict)])
      let sign = score < 0 ? "negative" : "positive"
      FloatingPointCounter(
        label: "motet_feedback_points", dimensions: [("adapter", name), ("sign", sign)], factory: factory
      ).increment(by: abs(score))
    }
  }

  func http(method: String, route: String, status: Int, seconds: Double) {
    let labels = [("method", method), ("route", route), ("status", "\(status)")]
    count("motet_http_requests", labels)
    time("motet_http_request", seconds, [("route", route)])
  }

  /// What is true at the moment of a scrape.
  func take(_ status: ServingStatus, connections: Int, adapters: [ServedAdapter]) {
    func set(_ label: String, _ value: Int) { Meter(label: label, factory: factory).set(value) }
    set("motet_cache_pages_used", status.usedPages)
    set("motet_cache_pages", status.pages)
    set("motet_connections", connections)
    set("motet_adapters", adapters.count)
    set("motet_adapters_loaded", adapters.count(where: \.isLoaded))
    set("motet_draining", status.isDraining ? 1 : 0)
  }
}
