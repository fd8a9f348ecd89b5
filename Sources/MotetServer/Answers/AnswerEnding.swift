import Synchronization

/// Ends answers before their time. It is there before them, so that a client who leaves while they are still asked for is
/// heard too. It does not keep them: who holds only this lets them go.
final class AnswerEnding: Sendable {
  private struct State {
    var reason: (any Error)?
    var finish: (@Sendable (any Error) -> Void)?
  }

  private let state = Mutex(State())

  /// Ends them for this reason; the first one counts.
  func end(_ reason: any Error) {
    let finish = state.withLock { state -> (@Sendable (any Error) -> Void)? in
      guard state.reason == nil else { return nil }
      state.reason = reason
      return state.finish
    }
    finish?(reason)
  }

  /// - Throws: why they were ended
  func check() throws {
    if let reason = state.withLock({ $0.reason }) { throw reason }
  }

  /// Says how they are ended, which is done at once when they were meanwhile.
  func attach(_ finish: @escaping @Sendable (any Error) -> Void) {
    let reason = state.withLock { state in
      state.finish = finish
      return state.reason
    }
    if let reason { finish(reason) }
  }
}
