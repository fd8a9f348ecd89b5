/// Notices a loss that stands far above the recent ones: a broken row, or a step that went wrong.
///
/// The losses of skipped steps count as recent ones too, so that data that changed for good is soon taken as it is.
struct SpikeGuard {
  private static let window = 64
  private static let fewest = 16
  /// Losses that hardly differ would make every other one a spike: σ is at least this share of their mean.
  private static let floor = 0.05

  let sigma: Double?
  private var recent: [Double] = []

  init(sigma: Double?) { self.sigma = sigma }

  /// What a loss may reach; nil while too few are known.
  var limit: Double? {
    guard let sigma, recent.count >= Self.fewest else { return nil }
    let count = Double(recent.count)
    let mean = recent.reduce(0, +) / count
    let variance = recent.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
    return mean + sigma * max(variance.squareRoot(), Self.floor * abs(mean))
  }

  mutating func record(_ loss: Double) {
    recent.append(loss)
    if recent.count > Self.window { recent.removeFirst() }
  }
}
