import Foundation

/// How the learning rate goes over a run.
public enum Schedule: String, Sendable, CaseIterable, Codable {
  case cosine, linear, constant

  /// The share of the full rate at `step` of `steps` (counted from 0): a linear rise over the first `warmup`
  /// share of the steps, then down to 0 along a half cosine or a line, or not down at all.
  public func factor(step: Int, of steps: Int, warmup: Double) -> Double {
    let rise = Int((warmup * Double(steps)).rounded(.up))
    if step < rise { return Double(step + 1) / Double(rise + 1) }
    let progress = Double(step - rise) / Double(max(1, steps - rise))
    switch self {
    case .constant: return 1
    case .linear: return 1 - progress
    case .cosine: return 0.5 * (1 + cos(.pi * progress))
    }
  }
}
