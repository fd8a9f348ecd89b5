/// The running mean that TensorBoard draws over a curve: m ← w·m + (1−w)·y from m = 0, divided by 1 − wⁿ after n
/// values, so that the first values are not pulled to 0 (the correction of Adam's moments, Kingma and Ba 2015,
/// arXiv 1412.6980, section 3).
///
///     var smoothing = Smoothing(weight: 0.5)
///     smoothing.add(0)   // 0
///     smoothing.add(4)   // 2.667
///     smoothing.add(0)   // 1.143
public struct Smoothing: Sendable, Equatable, Codable {
  /// Weight of the past, 0 to 0.999; TensorBoard starts at 0.6.
  public let weight: Double
  private var mean = 0.0
  /// 1 − wⁿ, gathered as the mean is.
  private var total = 0.0

  public init(weight: Double = 0.9) { self.weight = min(max(weight, 0), 0.999) }

  /// The mean so far; nil before the first value.
  public var value: Double? { total > 0 ? mean / total : nil }

  /// Takes the next value. One that is not finite is passed on and leaves the mean as it was, as in TensorBoard.
  /// - Returns: the mean with it
  @discardableResult
  public mutating func add(_ next: Double) -> Double {
    guard next.isFinite else { return next }
    mean = weight * mean + (1 - weight) * next
    total = weight * total + (1 - weight)
    return mean / total
  }
}
