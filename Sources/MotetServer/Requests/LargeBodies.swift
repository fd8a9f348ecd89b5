import Synchronization

/// Counts the long bodies that are being read, so that many at once do not take the memory that answers need.
final class LargeBodies: Sendable {
  private let count = Mutex(0)
  private let most: Int

  init(most: Int) { self.most = most }

  /// - Returns: false when as many are read as may be
  func begin() -> Bool {
    count.withLock { count in
      guard count < most else { return false }
      count += 1
      return true
    }
  }

  func end() { count.withLock { $0 -= 1 } }
}

/// One body's place among the long ones; none as long as it is short.
final class LargeBody: Sendable {
  private let all: LargeBodies
  private let isCounted = Mutex(false)

  init(_ all: LargeBodies) { self.all = all }

  /// - Returns: false when there is no place
  func begin() -> Bool {
    isCounted.withLock { isCounted in
      if !isCounted { isCounted = all.begin() }
      return isCounted
    }
  }

  func end() {
    isCounted.withLock { isCounted in
      if isCounted { all.end() }
      isCounted = false
    }
  }
}
