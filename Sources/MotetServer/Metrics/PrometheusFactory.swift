import Metrics

/// Gives what swift-metrics counts, measures and times to a registry that Prometheus can read.
///
/// Names follow Prometheus: counters end in `_total`, timers in `_seconds`; other characters become underscores.
public struct PrometheusFactory: MetricsFactory {
  public let registry: PrometheusRegistry

  public init(_ registry: PrometheusRegistry) { self.registry = registry }

  public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    counter(label, dimensions)
  }

  public func makeFloatingPointCounter(
    label: String, dimensions: [(String, String)]
  ) -> any FloatingPointCounterHandler { counter(label, dimensions) }

  public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    registry.series(PrometheusText.name(label), .gauge, dimensions) { GaugeSeries() }
  }

  /// One that aggregates is a histogram, one that does not is a gauge, as swift-metrics means them.
  public func makeRecorder(
    label: String, dimensions: [(String, String)], aggregate: Bool
  ) -> any RecorderHandler {
    let name = PrometheusText.name(label)
    guard aggregate else { return registry.series(name, .gauge, dimensions) { GaugeSeries() } }
    return registry.series(name, .histogram, dimensions) { HistogramSeries(bounds: HistogramSeries.counts) }
  }

  public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    registry.series(Self.name(label, ending: "_seconds"), .histogram, dimensions) {
      HistogramSeries(bounds: HistogramSeries.seconds)
    }
  }

  public func destroyCounter(_ handler: any CounterHandler) { registry.remove(handler) }
  public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {
    registry.remove(handler)
  }
  public func destroyMeter(_ handler: any MeterHandler) { registry.remove(handler) }
  public func destroyRecorder(_ handler: any RecorderHandler) { registry.remove(handler) }
  public func destroyTimer(_ handler: any TimerHandler) { registry.remove(handler) }

  private func counter(_ label: String, _ dimensions: [(String, String)]) -> CounterSeries {
    registry.series(Self.name(label, ending: "_total"), .counter, dimensions) { CounterSeries() }
  }

  private static func name(_ label: String, ending: String) -> String {
    let name = PrometheusText.name(label)
    return name.hasSuffix(ending) ? name : name + ending
  }
}
