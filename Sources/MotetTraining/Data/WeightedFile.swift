/// A file of rows, and how many times an epoch they count: 2 takes each twice, 0.5 half of them, drawn anew each
/// epoch.
public struct WeightedFile: Sendable, Codable, Equatable {
  /// More is a slip of the pen: an epoch would hold every row that often.
  public static let largestWeight = 1000.0

  public var path: String
  public var weight: Double

  public init(_ path: String, weight: Double = 1) {
    self.path = path
    self.weight = weight
  }

  /// - Throws: ``DatasetError/weight(file:value:)``
  func validate() throws {
    guard weight > 0, weight <= Self.largestWeight else {
      throw DatasetError.weight(file: path, value: weight)
    }
  }
}
