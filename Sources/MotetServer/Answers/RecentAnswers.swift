import Synchronization

/// Which adapters gave the last answers, so that feedback finds them. The oldest are forgotten first.
final class RecentAnswers: Sendable {
  private struct Key: Hashable {
    let id: String
    let caller: String?
  }

  private struct State {
    var adapters: [Key: [String]] = [:]
    /// A ring of the keys in the order they came.
    var ring: [Key] = []
    var next = 0
  }

  private let state = Mutex(State())
  private let capacity: Int

  init(capacity: Int) { self.capacity = max(1, capacity) }

  /// - Parameter ids: the answer's own, and the request's
  func remember(_ ids: [String], of caller: Caller, adapters: [String]) {
    state.withLock { state in
      for id in ids {
        let key = Key(id: id, caller: caller.name)
        guard state.adapters.updateValue(adapters, forKey: key) == nil else { continue }
        if state.ring.count < capacity {
          state.ring.append(key)
        } else {
          state.adapters[state.ring[state.next]] = nil
          state.ring[state.next] = key
          state.next = (state.next + 1) % capacity
        }
      }
    }
  }

  /// nil for an id that is unknown, forgotten or another's.
  func adapters(of id: String, for caller: Caller) -> [String]? {
    state.withLock { $0.adapters[Key(id: id, caller: caller.name)] }
  }
}
