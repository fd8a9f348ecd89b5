import Hummingbird
import MotetFormats
import MotetServing

/// How a route writes a stream: what it says at each event, each a `data:` line of server-sent events.
///
/// Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
protocol EventShape: Sendable {
  /// What is sent when the answers have begun, before any text.
  func opening(_ running: RunningJob) -> [JSONValue]
  mutating func values(for event: AnswerStream.Event, _ running: RunningJob) -> [JSONValue]
  /// What is sent after all answers.
  func closing(_ answers: [Answer], _ running: RunningJob) -> [JSONValue]
  /// Whether `data: [DONE]` ends it, as in OpenAI's API.
  var endsWithDone: Bool { get }
  /// How what fails on the way is written.
  var errorShape: ErrorShape { get }
}

extension EventShape {
  var errorShape: ErrorShape { .openAI }
}

extension ServerParts {
  /// An answer as server-sent events. What fails before the first answer begins is thrown and gets its status; what fails
  /// later is the last event.
  func stream(_ job: AnswerJob, _ context: ServerContext, as shape: some EventShape) async throws -> Response
  {
    let running = try await start(job, context)
    let body = ResponseBody { writer in
      defer { running.leave() }
      var shape = shape
      try await write(shape.opening(running), to: &writer)
      var answers = Array(repeating: Answer(), count: job.requests.count)
      do {
        for try await event in running.stream.events {
          answers[event.choice].take(event.event)
          answers[event.choice].mix = running.mix
          if case .ended = event.event { record(answers[event.choice], context) }
          try await write(shape.values(for: event, running), to: &writer)
        }
        guard answers.allSatisfy({ $0.finish != nil && $0.finish != .cancelled }) else { throw APIError.cut }
        try await write(shape.closing(answers, running), to: &writer)
        if shape.endsWithDone { try await writer.write(ByteBuffer(string: "data: [DONE]\n\n")) }
      } catch let gone as ClientGone {
        throw gone
      } catch {
        let told = APIError(error) ?? .internalFailure
        context.notes.note("reason", told.message)
        if APIError(error) == nil {
          context.logger.error("a stream failed", error: error, metadata: context.notes.all)
        }
        try await write([told.body(shape.errorShape)], to: &writer)
      }
      try await writer.finish(nil)
    }
    return Response(
      status: .ok,
      headers: [
        .contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-cache",
        .motetMix: running.mix.description,
      ], body: body)
  }

  private func write(_ values: [JSONValue], to writer: inout any ResponseBodyWriter) async throws {
    guard !values.isEmpty else { return }
    do {
      try await writer.write(ByteBuffer(string: values.map { "data: \($0.text())\n\n" }.joined()))
    } catch { throw ClientGone() }
  }
}

/// Nobody reads what is written.
private struct ClientGone: Error {}
