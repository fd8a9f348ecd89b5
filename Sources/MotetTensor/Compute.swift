import Foundation

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
///
/// Unchecked, because `jobs` is only touched under `condition`.
private final class ComputeExecutor: SerialExecutor, @unchecked Sendable {
  private let condition = NSCondition()
  private var jobs: [UnownedJob] = []
  private var thread: Thread?

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    condition.lock()
    jobs.append(job)
    if thread == nil { thread = start() }
    condition.signal()
    condition.unlock()
  }

  func checkIsolated() {
    precondition(Thread.current.name == Self.name, "model work runs on the compute thread only")
  }

  private static let name = "motet.compute"

  private func start() -> Thread {
    let thread = Thread { [unowned self] in self.work() }
    thread.name = Self.name
    thread.stackSize = 8 << 20
    thread.start()
    return thread
  }

  private func work() {
    while true {
      condition.lock()
      while jobs.isEmpty { condition.wait() }
      let batch = jobs
      jobs.removeAll(keepingCapacity: true)
      condition.unlock()
      for job in batch { job.runSynchronously(on: asUnownedSerialExecutor()) }
    }
  }
}
