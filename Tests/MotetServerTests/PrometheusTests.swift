import Foundation
import Metrics
import Testing

@testable import MotetServer

@Suite struct PrometheusTests {
  @Test func everyKindIsRendered() {
    let registry = PrometheusRegistry(help: ["a_total": "Back\\slash and\nline."])
    let factory = PrometheusFactory(registry)
    let counter = Counter(label: "a", dimensions: [("name", "q\"u\\o\nte"), ("b", "1")], factory: factory)
    counter.increment(by: 2)
    Counter(label: "a", dimensions: [("b", "1"), ("name", "q\"u\\o\nte")], factory: factory).increment()
    Meter(label: "some.meter-x", factory: factory).set(2.5)
    Recorder(
      label: "rows", dimensions: [], aggregate: true,
      handler: factory.makeRecorder(label: "rows", dimensions: [], aggregate: true)
    ).record(3)
    Metrics.Timer(label: "wait", factory: factory).recordNanoseconds(20_000_000)
    let text = registry.text()
    #expect(text.contains("# HELP a_total Back\\\\slash and\\nline.\n# TYPE a_total counter\n"))
    #expect(text.contains("a_total{b=\"1\",name=\"q\\\"u\\\\o\\nte\"} 3\n"))
    #expect(text.contains("# TYPE some_meter_x gauge\nsome_meter_x 2.5\n"))
    #expect(text.contains("# TYPE rows histogram\n"))
    #expect(text.contains("rows_bucket{le=\"2\"} 0\nrows_bucket{le=\"4\"} 1\n"))
    #expect(text.contains("rows_bucket{le=\"+Inf\"} 1\nrows_sum 3\nrows_count 1\n"))
    #expect(text.contains("wait_seconds_bucket{le=\"0.01\"} 0\nwait_seconds_bucket{le=\"0.025\"} 1\n"))
    #expect(text.contains("wait_seconds_sum 0.02\n"))
  }

  @Test func aFamilyHasOneKind() {
    let registry = PrometheusRegistry()
    let factory = PrometheusFactory(registry)
    Meter(label: "x_total", factory: factory).set(1)
    Counter(label: "x", factory: factory).increment()
    #expect(registry.text() == "# HELP x_total x total\n# TYPE x_total gauge\nx_total 1\n")
  }

  @Test func destroyedSeriesLeave() {
    let registry = PrometheusRegistry()
    let counter = Counter(label: "x", factory: PrometheusFactory(registry))
    counter.increment()
    counter.destroy()
    #expect(registry.text().isEmpty)
  }

  @Test(arguments: [("a.b-c", "a_b_c"), ("9lives", "_9lives"), ("", "_"), ("é", "_"), ("ok_1", "ok_1")])
  func namesAreMadeToFit(text: String, name: String) {
    #expect(PrometheusText.name(text) == name)
  }

  @Test(arguments: [(Double.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"), (3, "3"), (0.5, "0.5")])
  func numbersAreWrittenAsPrometheusReadsThem(value: Double, text: String) {
    #expect(PrometheusText.number(value) == text)
  }

  @Test func countsFromManyTasksAddUp() async {
    let registry = PrometheusRegistry()
    let factory = PrometheusFactory(registry)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask { for _ in 0..<1000 { Counter(label: "x", factory: factory).increment() } }
      }
    }
    #expect(registry.text().contains("x_total 8000\n"))
  }

  @Test func requestsAreCountedByRouteAndStatus() async throws {
    let harness = try Harness()
    _ = try await harness.chat(#""model": "math", "stream": true"#)
    _ = try await harness.get("/v1/models/nope")
    _ = try await harness.get("/nowhere/\(UUID().uuidString)")
    let reply = try await harness.get("/metrics")
    #expect(reply.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
    for line in [
      #"motet_http_requests_total{method="POST",route="/v1/chat/completions",status="200"} 1"#,
      #"motet_http_requests_total{method="GET",route="/v1/models/{id}",status="404"} 1"#,
      #"motet_http_requests_total{method="GET",route="NotFound",status="404"} 1"#,
      #"motet_tokens_per_second_count{adapter="math"} 1"#, "motet_cache_pages_used 3", "motet_adapters 4",
      "motet_draining 0",
    ] { #expect(reply.text.contains(line + "\n"), "\(line)") }
  }
}
