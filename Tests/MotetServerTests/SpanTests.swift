import HTTPTypes
import Hummingbird
import HummingbirdTesting
import InMemoryTracing
import NIOCore
import Testing
import Tracing

@testable import MotetServer

/// Keeps spans in memory, and reads W3C's `traceparent` as a backend for OpenTelemetry does.
private struct W3CTracer: Tracer {
  let memory = InMemoryTracer()

  func startSpan<Instant: TracerInstant>(
    _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
    at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
  ) -> InMemorySpan {
    memory.startSpan(
      operationName, context: context(), ofKind: kind, at: instant(), function: function, file: fileID,
      line: line)
  }

  func extract<Carrier, Extract: Extractor>(
    _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
  ) where Extract.Carrier == Carrier {
    guard let header = extractor.extract(key: "traceparent", from: carrier),
      let parent = TraceParent(header)
    else { return }
    context.inMemorySpanContext = InMemorySpanContext(
      traceID: parent.traceID, spanID: parent.parentID, parentSpanID: nil)
  }

  func inject<Carrier, Inject: Injector>(
    _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
  ) where Inject.Carrier == Carrier {}

  func forceFlush() {}
}

@Suite struct SpanTests {
  private let tracer = W3CTracer()

  private func harness() throws -> Harness {
    let tracer = tracer
    return try Harness { $0.tracer = tracer }
  }

  private func attribute(_ span: FinishedInMemorySpan, _ name: String) -> SpanAttribute? {
    span.attributes.get(name)
  }

  @Test func aRequestIsASpanInTheTraceOfItsClient() async throws {
    let reply = try await harness().send(
      .post, "/v1/completions", #"{"prompt": "ab", "model": "math"}"#,
      headers: [
        .requestID: "mine-1", .traceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      ])
    #expect(reply.status == 200)
    let span = try #require(tracer.memory.finishedSpans.first)
    #expect(tracer.memory.finishedSpans.count == 1 && tracer.memory.activeSpans.isEmpty)
    #expect(span.operationName == "POST /v1/completions")
    #expect(span.kind == .server)
    #expect(span.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
    #expect(span.parentSpanID == "00f067aa0ba902b7")
    #expect(span.status == nil && span.errors.isEmpty)
    let expected: [String: SpanAttribute] = [
      "http.request.method": "POST", "http.route": "/v1/completions", "url.path": "/v1/completions",
      "http.response.status_code": 200, "motet.request_id": "mine-1", "motet.mix": "math@2",
      "gen_ai.request.model": "math", "gen_ai.usage.input_tokens": 2, "gen_ai.usage.output_tokens": 13,
      "gen_ai.response.finish_reasons": .stringArray(["stop"]),
    ]
    for (name, value) in expected { #expect(attribute(span, name) == value, "\(name)") }
    #expect(span.endInstant.nanosecondsSinceEpoch > span.startInstant.nanosecondsSinceEpoch)
  }

  @Test func aStreamsSpanEndsWithItsLastByte() async throws {
    let harness = try harness()
    harness.service.follow(.say("some words"))
    _ = try await harness.chat(#""stream": true"#)
    let span = try #require(tracer.memory.finishedSpans.first)
    #expect(span.operationName == "POST /v1/chat/completions")
    #expect(attribute(span, "gen_ai.usage.output_tokens") == 10)
    #expect(span.parentSpanID == nil)
  }

  @Test func whatTheServerDoesWrongIsAnErrorAndWhatTheClientDoesIsNone() async throws {
    let harness = try harness()
    _ = try await harness.post("/v1/chat/completions", "{")
    _ = try await harness.get("/nothing/here")
    harness.service.follow(.fail)
    _ = try await harness.chat()
    let spans: [FinishedInMemorySpan] = tracer.memory.finishedSpans
    #expect(spans.map(\.operationName) == ["POST /v1/chat/completions", "GET", "POST /v1/chat/completions"])
    #expect(spans.map { attribute($0, "http.response.status_code") } == [400, 404, 500])
    #expect(spans.map { $0.status?.code == .error } == [false, false, true])
    #expect(spans.map { attribute($0, "error.type") } == [nil, nil, "500"])
  }

  @Test func whatAnEngineDoesForARequestStandsUnderItsSpan() async throws {
    let harness = try harness()
    _ = try await harness.chat()
    let span = try #require(tracer.memory.finishedSpans.first)
    let seen = harness.service.state.withLock { $0.contexts }
    #expect(seen.map { $0?.inMemorySpanContext?.spanID } == [span.spanID])
  }
}
