import Metrics

/// What the engine tells of itself, through swift-metrics, by these names:
///
/// | name | kind | labels | meaning |
/// |---|---|---|---|
/// | `motet_requests_total` | counter | adapter, version | requests begun with the adapter; `base` without one |
/// | `motet_prompt_tokens_total` | counter | adapter, version | tokens of their prompts |
/// | `motet_generated_tokens_total` | counter | adapter, version | tokens of their answers |
/// | `motet_finished_total` | counter | adapter, version, reason | answers by their end: stop, length, cancelled, error |
/// | `motet_queue_seconds` | timer | adapter, version | from submission to the first pass |
/// | `motet_first_token_seconds` | timer | adapter, version | from submission to the first token |
/// | `motet_token_gap_seconds` | timer | adapter, version | between two tokens of an answer |
/// | `motet_request_seconds` | timer | adapter, version | from submission to the end |
/// | `motet_prefix_cache_hit_tokens_total` | counter | | prompt tokens that were read for an earlier request |
/// | `motet_prefix_cache_lookup_tokens_total` | counter | | prompt tokens that were looked for |
/// | `motet_preemptions_total` | counter | | sequences set aside for want of pages, or to share places among clients |
/// | `motet_adapter_loads_total` | counter | adapter, version | reads of its files |
/// | `motet_adapter_load_failures_total` | counter | adapter, version | reads that failed |
/// | `motet_adapter_evictions_total` | counter | adapter, version | times it left the memory for want of room |
/// | `motet_adapter_load_seconds` | timer | | to read an adapter and put it in place |
/// | `motet_adapter_memory_bytes` | gauge | | adapters in memory |
/// | `motet_structure_memory_bytes` | gauge | | output formats: grammars, and masks kept for them |
/// | `motet_step_rows` | recorder | | sequences in a pass |
/// | `motet_step_tokens` | recorder | | tokens in a pass |
/// | `motet_step_segments` | recorder | | runs of rows of one mix in a pass |
/// | `motet_step_seconds` | timer | | of a pass |
/// | `motet_step_failures_total` | counter | | passes that failed |
/// | `motet_speculated_tokens_total` | counter | | tokens proposed from the text so far |
/// | `motet_accepted_tokens_total` | counter | | of these, tokens that were right |
/// | `motet_running_requests` | gauge | | sequences under way |
/// | `motet_waiting_requests` | gauge | | requests in the queue |
/// | `motet_free_pages` | gauge | | pages of keys and values that nothing is in |
///
/// A mix counts for each of its adapters. Timers record nanoseconds, as swift-metrics has it; their names say what a
/// Prometheus page shows.
final class ServingMetrics: Sendable {
  private let factory: any MetricsFactory

  let prefixHits: Counter
  let prefixLookups: Counter
  let preemptions: Counter
  let loadSeconds: Timer
  let adapterBytes: Gauge
  let structureBytes: Gauge
  let stepRows: Recorder
  let stepTokens: Recorder
  let stepSegments: Recorder
  let stepSeconds: Timer
  let stepFailures: Counter
  let speculated: Counter
  let accepted: Counter
  let running: Gauge
  let waiting: Gauge
  let freePages: Gauge

  /// What is counted by adapter.
  struct OfAdapter: Sendable {
    let requests: Counter
    let promptTokens: Counter
    let generatedTokens: Counter
    let finished: [String: Counter]
    let queue: Timer
    let firstToken: Timer
    let tokenGap: Timer
    let request: Timer
  }

  init(_ factory: (any MetricsFactory)?) {
    let factory = factory ?? MetricsSystem.factory
    self.factory = factory
    func counter(_ name: String) -> Counter { Counter(label: "motet_\(name)_total", factory: factory) }
    func timer(_ name: String) -> Timer { Timer(label: "motet_\(name)_seconds", factory: factory) }
    func gauge(_ name: String) -> Gauge { Gauge(label: "motet_\(name)", factory: factory) }
    func recorder(_ name: String) -> Recorder { Recorder(label: "motet_\(name)", factory: factory) }
    prefixHits = counter("prefix_cache_hit_tokens")
    prefixLookups = counter("prefix_cache_lookup_tokens")
    preemptions = counter("preemptions")
    loadSeconds = timer("adapter_load")
    adapterBytes = gauge("adapter_memory_bytes")
    structureBytes = gauge("structure_memory_bytes")
    stepRows = recorder("step_rows")
    stepTokens = recorder("step_tokens")
    stepSegments = recorder("step_segments")
    stepSeconds = timer("step")
    stepFailures = counter("step_failures")
    speculated = counter("speculated_tokens")
    accepted = counter("accepted_tokens")
    running = gauge("running_requests")
    waiting = gauge("waiting_requests")
    freePages = gauge("free_pages")
  }

  /// The counters of each adapter of a mix, for one request.
  func adapters(of mix: ServedMix) -> [OfAdapter] {
    let labels =
      mix.terms.isEmpty ? [AdapterLabel(name: "base", version: nil)] : mix.terms.map(AdapterLabel.init)
    return labels.map(make)
  }

  /// There may be thousands of adapters, so that nothing is kept here: the factory knows its series again.
  private func make(_ label: AdapterLabel) -> OfAdapter {
    let labels = label.dimensions
    func counter(_ name: String) -> Counter { Counter(label: name, dimensions: labels, factory: factory) }
    func finished(_ reason: String) -> Counter {
      Counter(label: "motet_finished_total", dimensions: labels + [("reason", reason)], factory: factory)
    }
    func timer(_ name: String) -> Timer { Timer(label: name, dimensions: labels, factory: factory) }
    return OfAdapter(
      requests: counter("motet_requests_total"), promptTokens: counter("motet_prompt_tokens_total"),
      generatedTokens: counter("motet_generated_tokens_total"),
      // Ends that did not come yet are counted too: what begins at 0 shows its first growth.
      finished: Dictionary(
        uniqueKeysWithValues: (FinishReason.allCases.map(\.rawValue) + ["error"]).map { ($0, finished($0)) }),
      queue: timer("motet_queue_seconds"), firstToken: timer("motet_first_token_seconds"),
      tokenGap: timer("motet_token_gap_seconds"), request: timer("motet_request_seconds"))
  }

  func loaded(_ label: AdapterLabel, seconds: Double) {
    Counter(label: "motet_adapter_loads_total", dimensions: label.dimensions, factory: factory).increment()
    loadSeconds.recordSeconds(seconds)
  }

  func failedToLoad(_ label: AdapterLabel) {
    Counter(label: "motet_adapter_load_failures_total", dimensions: label.dimensions, factory: factory)
      .increment()
  }

  func evicted(_ label: AdapterLabel) {
    Counter(label: "motet_adapter_evictions_total", dimensions: label.dimensions, factory: factory)
      .increment()
  }
}

/// An adapter as metrics name it.
struct AdapterLabel: Hashable, Sendable {
  let name: String
  let version: Int?

  init(name: String, version: Int?) {
    self.name = name
    self.version = version
  }

  init(_ term: ServedMix.Term) { self.init(name: term.name, version: term.version) }

  var dimensions: [(String, String)] { [("adapter", name), ("version", version.map(String.init) ?? "")] }
}
