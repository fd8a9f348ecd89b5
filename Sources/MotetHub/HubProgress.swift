import Foundation

/// How far a pull is.
public struct HubProgress: Sendable {
  /// The file that is being fetched, from the repository's root.
  public let file: String
  /// Of all files of the pull, those that were here before among them, in bytes.
  public let bytesDone: Int
  public let bytesTotal: Int
  /// Bytes that came over the network a second, over the last seconds.
  public let rate: Double
  /// nil while there is no rate.
  public let secondsLeft: Double?
}

/// Counts bytes and tells how it goes, some times a second.
struct ProgressMeter {
  var total = 0
  private(set) var done = 0
  /// Bytes that came over the network.
  private(set) var fetched = 0
  private let report: @Sendable (HubProgress) -> Void
  private var told: ContinuousClock.Instant?
  private var windows: [(time: ContinuousClock.Instant, fetched: Int)] = []

  init(_ report: @escaping @Sendable (HubProgress) -> Void) { self.report = report }

  /// Counts bytes that are here; a negative number takes some back.
  mutating func add(_ bytes: Int) { done += bytes }

  mutating func fetched(_ bytes: Int, of file: String) {
    done += bytes
    fetched += bytes
    tell(file)
  }

  /// - Parameter isForced: also if the last report was a moment ago
  mutating func tell(_ file: String, isForced: Bool = false) {
    let now = ContinuousClock.now
    if let told, !isForced, now - told < .milliseconds(200) { return }
    told = now
    windows.append((now, fetched))
    // The rate is that of about five seconds.
    while windows.count > 2, now - windows[1].time > .seconds(5) { windows.removeFirst() }
    let elapsed = windows.first.map { (now - $0.time) / .seconds(1) } ?? 0
    let rate = elapsed > 0 ? Double(fetched - (windows.first?.fetched ?? 0)) / elapsed : 0
    report(
      HubProgress(
        file: file, bytesDone: done, bytesTotal: total, rate: rate,
        secondsLeft: rate > 0 ? Double(max(0, total - done)) / rate : nil))
  }
}
