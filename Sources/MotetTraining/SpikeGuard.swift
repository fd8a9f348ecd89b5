/// Notices a loss that stands far above the recent ones, and above those the run began with: a broken row, or a step
/// that went wrong. A row that is merely harder than the others, late in a run, is none.
///
/// The losses of skipped steps count as recent ones too, so that data that changed for good is soon taken as it is.
struct SpikeGuard {
  private static let window = 64
  private static let fewest = 16
  /// Losses that hardly differ would make every other one a spike: σ is at least this share of their mean.
  private static let floor = 0.05

  let sigma: Double?
  private var recent: [Double] = []
  private var count = 0
  /// The highest of the first losses.
  private var highestAtFirst = -Double.infinity

  init(sigma: Double?) { self.sigma = sigma }

  /// What a loss may reach; nil while too few are known.
  var limit: Double? {
    guard let sigma, recent.count >= Self.fewest else { return nil }
    let count = Double(recent.count)
    let mean = recent.reduce(0, +) / count
    let variance = recent.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
    return max(highestAtFirst, mean + sigma * max(variance.squareRoot(), Self.floor * abs(mean)))
  }

  mutating func record(_ loss: Double) {
    if count < Self.fewest { highestAtFirst = max(highestAtFirst, loss) }
    count += 1
    recent.append(loss)
    if recent.count > Self.window { recent.removeFirst() }
  }
}
