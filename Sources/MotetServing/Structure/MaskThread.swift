import Foundation
import Synchronization

/// The threads that make masks while the model computes: no pass waits for one, and answers whose masks take long only
/// hold up themselves.
///
/// Each mask is begun on a thread of normal priority, where most are done at once. What takes longer goes on in turn, a
/// piece of each at a time, on one that stands back for the model's threads. The threads end with this.
final class MaskThread: Sendable {
  private let quick = Queue()
  private let slow = Queue()

  private static let piece = Duration.milliseconds(2)

  private final class Queue: Sendable {
    private struct Work {
      var jobs: [Job] = []
      var hasThread = false
      var isClosed = false
    }
    private let work = Mutex(Work())
    private let waiting = DispatchSemaphore(value: 0)

    /// - Returns: whether a thread has to be started for it
    func append(_ job: Job) -> Bool {
      defer { waiting.signal() }
      return work.withLock { work in
        work.jobs.append(job)
        defer { work.hasThread = true }
        return !work.hasThread
      }
    }

    func close() {
      work.withLock { $0.isClosed = true }
      waiting.signal()
    }

    /// The next job; nil once it is closed.
    func next() -> Job? {
      while true {
        waiting.wait()
        let (job, isClosed) = work.withLock { work -> (Job?, Bool) in
          (work.isClosed || work.jobs.isEmpty ? nil : work.jobs.removeFirst(), work.isClosed)
        }
        if let job { return job }
        if isClosed { return nil }
      }
    }
  }

  /// A mask to make, for as long as somebody holds its ticket.
  private struct Job: Sendable {
    let automaton: StructureAutomaton
    let position: TextPosition
    var making: StructureAutomaton.Making?
    let ticket: WeakTicket
  }

  deinit {
    quick.close()
    slow.close()
  }

  /// Has a mask made.
  func make(_ position: TextPosition, _ automaton: StructureAutomaton) -> MaskTicket {
    let ticket = MaskTicket(nil)
    let job = Job(automaton: automaton, position: position, ticket: WeakTicket(ticket))
    if quick.append(job) {
      Self.start("motet.masks", quick) { [slow] job in
        guard slow.append(job) else { return }
        Self.start("motet.masks.slow", slow, niceness: 7) { [slow] job in _ = slow.append(job) }
      }
    }
    return ticket
  }

  /// Starts a thread that does a piece of each job of a queue.
  /// - Parameter rest: takes a job that is not done by then
  private static func start(
    _ name: String, _ queue: Queue, niceness: Int32? = nil, rest: @escaping @Sendable (Job) -> Void
  ) {
    let thread = Thread {
      if let niceness { ThreadPriority.lower(niceness) }
      while var job = queue.next() {
        guard let ticket = job.ticket.ticket else { continue }
        var making = job.making ?? StructureAutomaton.Making(job.automaton, job.position)
        if let mask = making.proceed(until: .now + piece) {
          ticket.complete(mask)
        } else {
          job.making = making
          rest(job)
        }
      }
    }
    thread.name = name
    thread.stackSize = 8 << 20
    thread.start()
  }
}

/// A mask that is on its way.
final class MaskTicket: Sendable {
  private let found: Mutex<TokenMask?>

  init(_ mask: TokenMask?) { found = Mutex(mask) }

  /// The mask once it is made.
  var mask: TokenMask? { found.withLock { $0 } }

  fileprivate func complete(_ mask: TokenMask) { found.withLock { $0 = mask } }
}

private final class WeakTicket: Sendable {
  private let held: Mutex<Weak>
  private struct Weak { weak var ticket: MaskTicket? }

  init(_ ticket: MaskTicket) { held = Mutex(Weak(ticket: ticket)) }

  var ticket: MaskTicket? { held.withLock { $0.ticket } }
}
