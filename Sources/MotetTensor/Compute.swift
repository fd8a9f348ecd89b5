import CKernels
import Foundation
import Synchronization

/// The one thread on which all model work runs.
///
/// oneDNN and the fused loops share one team of threads, and a second thread that called them would bring a
/// second team that fights the first for the cores. So everything that touches a ``Tensor`` is isolated to this
/// actor, whose executor is a thread of its own.
///
///     let loss = try await Compute.run { try model.loss(batch) }
@globalActor
public actor Compute {
  public static let shared = Compute()

  private nonisolated let executor = ComputeExecutor()

  public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// Runs `body` on the compute thread and waits for it.
  public static func run<T: Sendable>(_ body: @Compute @Sendable () throws -> T) async rethrows -> T {
    try await body()
  }

  /// The same for work that suspends between steps.
  public static func run<T: Sendable>(_ body: @Compute @Sendable () async throws -> T) async rethrows -> T {
    try await body()
  }
}

/// A queue of jobs and the thread that takes them in order.
private final class ComputeExecutor: SerialExecutor {
  private struct Queue {
    var jobs: [UnownedJob] = []
    var hasThread = false
  }
  private let queue = Mutex(Queue())
  /// Counts the jobs that wait.
  private let waiting = DispatchSemaphore(value: 0)

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

  func checkIsolated() {
    precondition(Thread.current.name == Self.name, "model work runs on the compute thread only")
  }

  private static let name = "motet.compute"

  private func start() {
    mk_return_large_blocks()
    let thread = Thread { [self] in work() }
    thread.name = Self.name
    thread.stackSize = 8 << 20
    thread.start()
  }

  private func work() {
    while true {
      waiting.wait()
      let job = queue.withLock { $0.jobs.removeFirst() }
      job.runSynchronously(on: asUnownedSerialExecutor())
    }
  }
}
