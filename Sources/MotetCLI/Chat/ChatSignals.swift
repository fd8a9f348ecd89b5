import Foundation
import Synchronization

/// What signals do while a conversation goes on: Ctrl-C stops an answer, all others end the process with the terminal
/// given back.
final class ChatSignals: Sendable {
  private let stopAnswer = Mutex<(@Sendable () -> Void)?>(nil)

  /// Takes the signals over, to the end of the process.
  func install() {
    // A reader that has gone is found when the next piece is written.
    signal(SIGPIPE, SIG_IGN)
    on(SIGINT) { [self] in interrupt() }
    for number in [SIGTERM, SIGHUP, SIGQUIT] { on(number) { Self.leave(by: number) } }
    // After a stop the shell has had the terminal.
    let resumed = DispatchSource.makeSignalSource(signal: SIGCONT, queue: .global())
    resumed.setEventHandler { [self] in
      if stopAnswer.withLock({ $0 != nil }) { TerminalMode.set(.asSignal) }
    }
    keep(resumed)
  }

  /// Runs an answer. The first Ctrl-C cancels it.
  /// - Parameter endsAtSecond: a second one ends the process, where no terminal offers another way
  func answering<T: Sendable>(
    endsAtSecond: Bool, _ body: @escaping @Sendable () async throws -> T
  ) async throws -> T {
    let task = Task { try await body() }
    stopAnswer.withLock { handler in
      handler = {
        if task.isCancelled, endsAtSecond { Self.leave(by: SIGINT) }
        task.cancel()
      }
    }
    defer { stopAnswer.withLock { $0 = nil } }
    return try await task.value
  }

  private func interrupt() {
    guard let stop = stopAnswer.withLock({ $0 }) else { return Self.leave(by: SIGINT) }
    stop()
  }

  /// Ends as a process that the signal killed.
  private static func leave(by number: Int32) {
    TerminalMode.restore()
    _exit(128 + number)
  }

  private func on(_ number: Int32, _ body: @escaping @Sendable () -> Void) {
    signal(number, SIG_IGN)
    let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
    source.setEventHandler(handler: body)
    keep(source)
  }

  /// A source that nobody holds is never heard of again.
  private func keep(_ source: any DispatchSourceSignal) {
    source.resume()
    Self.sources.withLock { $0.append(Source(source)) }
  }

  private static let sources = Mutex<[Source]>([])

  /// Only held, never touched again.
  private struct Source: @unchecked Sendable {
    let source: any DispatchSourceSignal
    init(_ source: any DispatchSourceSignal) { self.source = source }
  }
}
