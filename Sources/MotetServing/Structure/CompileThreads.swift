import Foundation
import Synchronization

/// Threads on which schemas are read: neither the model's nor those that answer connections, and few at a time.
///
/// Several go on side by side, so that a schema that takes long does not hold up one that does not. A thread ends when
/// nothing waits.
final class CompileThreads: Sendable {
  private struct Work {
    var jobs: [@Sendable () -> Void] = []
    var threads = 0
  }
  private let work = Mutex(Work())

  private static let most = 4

  func run<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
      start { continuation.resume(with: Result(catching: body)) }
    }
  }

  private func start(_ job: @escaping @Sendable () -> Void) {
    let isNew = work.withLock { work in
      work.jobs.append(job)
      guard work.threads < Self.most else { return false }
      work.threads += 1
      return true
    }
    guard isNew else { return }
    let thread = Thread { [self] in
      ThreadPriority.lower(10)
      while let job = next() { job() }
    }
    thread.name = "motet.schemas"
    thread.stackSize = 16 << 20
    thread.start()
  }

  /// The next job; nil, and one thread less, if there is none.
  private func next() -> (@Sendable () -> Void)? {
    work.withLock { work in
      if !work.jobs.isEmpty { return work.jobs.removeFirst() }
      work.threads -= 1
      return nil
    }
  }
}
