import MotetTensor
import Synchronization

extension TrainingRun {
  /// The run as a sequence of what happens in it; the run begins when it is asked for.
  ///
  ///     for try await event in run.events() {
  ///       if case .step(let step) = event { print(step.step, step.loss) }
  ///     }
  ///
  /// Cancelling the task that reads stops the run after the step under way; the sequence then goes on until what was
  /// learnt is saved and ``RunEvent/finished(_:)`` has come. Who leaves the loop before the end cancels the run too.
  public func events() -> TrainingEvents { TrainingEvents(run: self) }
}

/// What happens in a run, in order.
public struct TrainingEvents: AsyncSequence, Sendable {
  public typealias Element = RunEvent
  let run: TrainingRun

  public func makeAsyncIterator() -> Iterator { Iterator(reader: Reader(run)) }

  public struct Iterator: AsyncIteratorProtocol {
    fileprivate let reader: Reader

    public mutating func next() async throws -> RunEvent? { try await reader.next() }
  }

  /// Ends the run when nobody reads any more.
  fileprivate final class Reader: Sendable {
    private let channel = EventChannel()
    private let task: Task<Void, Never>

    init(_ run: TrainingRun) {
      task = Task { [channel] in
        do {
          _ = try await run.train { channel.send($0) }
          channel.finish(nil)
        } catch {
          channel.finish(error)
        }
      }
    }

    deinit { task.cancel() }

    func next() async throws -> RunEvent? {
      try await withTaskCancellationHandler {
        try await channel.next()
      } onCancel: {
        task.cancel()
      }
    }
  }
}

/// A queue between the run and one reader. An `AsyncStream` would end when its reader is cancelled, before the run
/// has saved.
private final class EventChannel: Sendable {
  private struct State {
    var waiting: [RunEvent] = []
    var reader: CheckedContinuation<RunEvent?, any Error>?
    var end: Result<RunEvent?, any Error>?
  }
  private let state = Mutex(State())

  func send(_ event: RunEvent) {
    let reader = state.withLock { state -> CheckedContinuation<RunEvent?, any Error>? in
      defer { state.reader = nil }
      if state.reader == nil { state.waiting.append(event) }
      return state.reader
    }
    reader?.resume(returning: event)
  }

  func finish(_ error: (any Error)?) {
    let end: Result<RunEvent?, any Error> = error.map { .failure($0) } ?? .success(nil)
    let reader = state.withLock { state -> CheckedContinuation<RunEvent?, any Error>? in
      state.end = end
      defer { state.reader = nil }
      return state.reader
    }
    reader?.resume(with: end)
  }

  func next() async throws -> RunEvent? {
    try await withCheckedThrowingContinuation { continuation in
      let ready = state.withLock { state -> Result<RunEvent?, any Error>? in
        if !state.waiting.isEmpty { return .success(state.waiting.removeFirst()) }
        if let end = state.end { return end }
        state.reader = continuation
        return nil
      }
      if let ready { continuation.resume(with: ready) }
    }
  }
}
