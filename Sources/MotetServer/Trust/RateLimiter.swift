import Synchronization

/// Requests a minute for each key, as a bucket that fills evenly and holds one minute's worth.
final class RateLimiter: Sendable {
  private struct Bucket {
    var tokens: Double
    var filled: ContinuousClock.Instant
  }

  private let buckets = Mutex<[String: Bucket]>([:])

  /// Takes one request of `name`.
  /// - Returns: nil, or the seconds until there is room
  func take(_ name: String, perMinute: Int, at now: ContinuousClock.Instant = .now) -> Double? {
    buckets.withLock { buckets in
      let capacity = Double(perMinute)
      var bucket = buckets[name] ?? Bucket(tokens: capacity, filled: now)
      let elapsed = max(0, (now - bucket.filled) / .seconds(1))
      bucket.tokens = min(capacity, bucket.tokens + elapsed * capacity / 60)
      bucket.filled = now
      defer { buckets[name] = bucket }
      guard bucket.tokens >= 1 else { return (1 - bucket.tokens) * 60 / capacity }
      bucket.tokens -= 1
      return nil
    }
  }
}
