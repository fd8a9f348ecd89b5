/// Where the time of a pass goes, by kind of operator.
@Compute
public final class OperatorProfile {
  public enum Part: String, Sendable, CaseIterable {
    /// x·Wᵀ and dy·W, with what adapters add and their gradients.
    case base
    /// Adapters' parts without a matrix, and modules that stand beside matrices.
    case lowRank = "low-rank"
    /// dyᵀ·x, of copies that train.
    case weightGradient = "weight gradient"
    case attention
    case norm
    case swiglu
    /// The head's products.
    case head
    /// Softmax and cross-entropy.
    case loss
    /// From f32 to bf16 and back, outside the operators above.
    case conversion
    case optimizer
  }

  public private(set) var seconds: [Part: Double] = [:]

  public init() {}

  func add(_ part: Part, _ duration: Duration) {
    let (whole, rest) = duration.components
    seconds[part, default: 0] += Double(whole) + Double(rest) * 1e-18
  }
}

extension OperatorProfile? {
  /// Runs a part of an operator and tells the profile, when there is one.
  @Compute
  public func measured<T>(_ part: OperatorProfile.Part, _ body: () throws -> T) rethrows -> T {
    guard let self else { return try body() }
    let began = ContinuousClock.now
    defer { self.add(part, ContinuousClock.now - began) }
    return try body()
  }
}
