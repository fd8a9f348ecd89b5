import Foundation
import Synchronization

/// A thread of its own for short pieces of work that would else hold up the threads that answers go out on, one piece
/// after another in the order they came.
actor WorkLane {
  private nonisolated let executor: LaneExecutor

  init(_ name: String) { executor = LaneExecutor(name) }

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// Runs `body` when its turn comes.
  /// - Throws: `CancellationError` for one that is cancelled before, which is not run
  func run<T: Sendable>(_ body: @Sendable () throws -> T) throws -> T {
    try Task.checkCancellation()
    return try body()
  }
}

/// A queue of jobs and the thread that takes them in order. The thread ends when there was nothing to do for a while, so
/// that a lane that nobody holds any more leaves none behind.
private final class LaneExecutor: SerialExecutor {
  private struct Queue {
    var jobs: [UnownedJob] = []
    var hasThread = false
  }

  private let queue = Mutex(Queue())
  /// Counts the jobs that wait.
  private let waiting = DispatchSemaphore(value: 0)
  private let name: String
  /// Seconds that the thread waits for another job.
  private static let idleSeconds = 5

  init(_ name: String) { self.name = name }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let isFirst = queue.withLock { queue in
      queue.jobs.append(job)
      defer { queue.hasThread = true }
      return !queue.hasThread
    }
    waiting.signal()
    if isFirst { start() }
  }

  private func start() {
    let thread = Thread { [self] in work() }
    thread.name = name
    thread.stackSize = 8 << 20
    thread.start()
  }

  private func work() {
    // Answers under way come first.
    #if os(Linux)
      _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 5)
    #endif
    while true {
      guard waiting.wait(timeout: .now() + .seconds(Self.idleSeconds)) == .success else {
        let isOver = queue.withLock { queue in
          // A job whose signal is on its way keeps the thread.
          if queue.jobs.isEmpty { queue.hasThread = false }
          return queue.jobs.isEmpty
        }
        if isOver { return }
        continue
      }
      let job = queue.withLock { $0.jobs.removeFirst() }
      job.runSynchronously(on: asUnownedSerialExecutor())
    }
  }
}
