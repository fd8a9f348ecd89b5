/// A count as people write it: `200000`, `200k` or `1.5M`.
public struct ScaledCount: Sendable, Equatable {
  public let value: Int

  /// nil for what is no number from 1 to 10¹⁵.
  public init?(parsing text: String) {
    let factors: [Character: Double] = ["k": 1e3, "K": 1e3, "m": 1e6, "M": 1e6, "g": 1e9, "G": 1e9]
    let factor = text.last.flatMap { factors[$0] }
    guard let number = Double(factor == nil ? text : String(text.dropLast())) else { return nil }
    let count = (number * (factor ?? 1)).rounded()
    guard count >= 1, count <= 1e15 else { return nil }
    value = Int(count)
  }
}
