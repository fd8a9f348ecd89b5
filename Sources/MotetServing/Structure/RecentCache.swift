/// Values by key within a budget of bytes: what was not asked for lately is dropped, half of them at a time.
struct RecentCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  private var recent: [Key: (value: Value, bytes: Int)] = [:]
  private var older: [Key: (value: Value, bytes: Int)] = [:]
  private var recentBytes = 0
  private var olderBytes = 0
  private let budget: Int

  init(budget: Int) { self.budget = budget }

  var memory: Int { recentBytes + olderBytes }

  mutating func value(_ key: Key) -> Value? {
    if let found = recent[key] { return found.value }
    guard let found = older.removeValue(forKey: key) else { return nil }
    olderBytes -= found.bytes
    insert(found.value, for: key, bytes: found.bytes)
    return found.value
  }

  mutating func insert(_ value: Value, for key: Key, bytes: Int) {
    if let replaced = recent.updateValue((value, bytes), forKey: key) { recentBytes -= replaced.bytes }
    recentBytes += bytes
    guard recentBytes > budget / 2 else { return }
    (older, olderBytes) = (recent, recentBytes)
    (recent, recentBytes) = ([:], 0)
  }

  mutating func removeAll() {
    (recent, older) = ([:], [:])
    (recentBytes, olderBytes) = (0, 0)
  }
}
