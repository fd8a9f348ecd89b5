import MotetServing

/// What comes of one request of a client: the events of its answers as they come, each with the place of its answer.
///
/// Letting go of it, or ending it, frees the rows of all its answers.
struct AnswerStream: Sendable {
  struct Event: Sendable {
    let choice: Int
    let event: ServingEvent
  }

  let events: AsyncThrowingStream<Event, any Error>

  /// - Parameters:
  ///   - ending: ends it before its time, also while the service still takes the requests
  ///   - spend: told the tokens of the answers as they come
  /// - Throws: what the service says of the first request that it does not take, or why it was ended before; those that
  ///   were taken are let go
  init(
    _ requests: [ServingRequest], of service: any AnswerService, ending: AnswerEnding,
    spending spend: @escaping @Sendable (_ tokens: Int) -> Void = { _ in }
  ) async throws {
    var answers: [AsyncThrowingStream<ServingEvent, any Error>] = []
    for request in requests {
      // Cancelled when it is ended: what a request needs first, such as a schema, may take a while to read.
      let asking = Task { try await service.answer(request) }
      ending.attach { _ in asking.cancel() }
      do { answers.append(try await asking.value) } catch {
        try ending.check()
        throw error
      }
      try ending.check()
    }
    let (events, continuation) = AsyncThrowingStream.makeStream(of: Event.self)
    let taken = answers
    let task = Task {
      do {
        try await withThrowingTaskGroup(of: Void.self) { group in
          for (choice, answer) in taken.enumerated() {
            group.addTask {
              for try await event in answer {
                if case .piece(_, let tokens) = event { spend(tokens.count) }
                continuation.yield(Event(choice: choice, event: event))
              }
            }
          }
          try await group.waitForAll()
        }
        continuation.finish()
      } catch {
        continuation.finish(throwing: error)
      }
    }
    continuation.onTermination = { _ in task.cancel() }
    self.events = events
    ending.attach { continuation.finish(throwing: $0) }
  }

  /// The first event, which says that the request is under way; the rest follows in ``events``.
  func first() async throws -> Event {
    for try await event in events { return event }
    throw CancellationError()
  }
}
