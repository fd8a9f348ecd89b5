import Foundation
import Synchronization

/// Ends the reading of a schema that takes too long, or that nobody waits for any longer.
///
/// Time is that of the processor on the thread that reads: a busy machine refuses no schema that an idle one takes.
struct CompileClock {
  /// Told from any thread that nobody waits.
  final class Cancellation: Sendable {
    private let flag = Atomic(false)
    func cancel() { flag.store(true, ordering: .relaxed) }
    var isCancelled: Bool { flag.load(ordering: .relaxed) }
  }

  private let cancellation: Cancellation
  private let end: Double
  private let limit: Double
  private var steps = 0

  /// - Parameter seconds: of the calling thread's processor time, from now
  init(seconds: Double = 2, cancellation: Cancellation = Cancellation()) {
    self.cancellation = cancellation
    limit = seconds
    end = Self.now + seconds
  }

  /// Seconds of processor time of this thread.
  private static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  /// - Throws: ``ServingError/invalid(parameter:message:)`` once the time is over, `CancellationError`
  mutating func spend(_ count: Int = 1) throws {
    steps += count
    guard steps >= 2048 else { return }
    steps = 0
    if cancellation.isCancelled { throw CancellationError() }
    guard Self.now < end else {
      throw SchemaCompiler.refusal(
        "reading it takes more than \(limit.formatted()) s; give fewer alternatives or smaller counts")
    }
  }
}
