/// Lets so many through at one time, in the order in which they came.
actor Turnstile {
  private var free: Int
  private var waiting: [(number: Int, turn: CheckedContinuation<Bool, Never>)] = []
  private var count = 0

  init(_ places: Int) { free = places }

  /// Returns when it is the caller's turn.
  /// - Throws: `CancellationError` when its task is cancelled before; it stands in nobody's way then
  func enter() async throws {
    try Task.checkCancellation()
    if free > 0 {
      free -= 1
      return
    }
    count += 1
    let number = count
    let isIn = await withTaskCancellationHandler {
      await withCheckedContinuation { turn in
        // Cancelled just now, it would be looked for before it is there.
        if Task.isCancelled { turn.resume(returning: false) } else { waiting.append((number, turn)) }
      }
    } onCancel: {
      Task { await giveUp(number) }
    }
    guard isIn else { throw CancellationError() }
  }

  func leave() {
    if waiting.isEmpty { free += 1 } else { waiting.removeFirst().turn.resume(returning: true) }
  }

  private func giveUp(_ number: Int) {
    guard let place = waiting.firstIndex(where: { $0.number == number }) else { return }
    waiting.remove(at: place).turn.resume(returning: false)
  }
}
