/// How many ranks all sites together may have after each step (Zhang et al. 2023, arXiv 2303.10512, equation 12): all of
/// them for `warmup` steps, then fewer by a cubic law, and for the last `final` steps what they keep.
struct RankBudget: Equatable {
  let beginning: Int
  let target: Int
  let warmup: Int
  let final: Int
  let interval: Int
  let steps: Int

  enum Phase: Equatable {
    /// Importance is gathered, and no rank taken away.
    case gather
    /// Importance is gathered, and all but so many ranks taken away.
    case shrink(to: Int)
    /// Ranks are taken away for the last time.
    case fix(to: Int)
    /// What was taken away stays so.
    case keep
  }

  /// - Parameter step: counted from 1
  func phase(after step: Int) -> Phase {
    let last = steps - final
    if step > last { return .keep }
    if step == last { return .fix(to: target) }
    guard step > warmup, step % interval == 0 else { return .gather }
    let left = 1 - Double(step - warmup) / Double(last - warmup)
    return .shrink(to: Int(Double(beginning - target) * left * left * left + Double(target)))
  }

  /// Whether the importance that step `step` shows is asked for later.
  func gathers(at step: Int) -> Bool { step < steps - final }
}
