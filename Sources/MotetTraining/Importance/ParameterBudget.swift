import Foundation
import MotetAdapters
import MotetModels

/// How many values an adapter may have: `2000000`, `500k`, `2M`, or what a uniform rank takes, `rank:16`.
public enum ParameterBudget: Sendable, Equatable, CustomStringConvertible {
  case values(Int)
  case uniformRank(Int)

  /// - Throws: ``RankSuggestionError/budget(_:)``
  public init(parsing text: String) throws {
    if text.hasPrefix("rank:") {
      guard let rank = Int(text.dropFirst(5)), (1...65_536).contains(rank) else {
        throw RankSuggestionError.budget(text)
      }
      self = .uniformRank(rank)
      return
    }
    guard let count = ScaledCount(parsing: text) else { throw RankSuggestionError.budget(text) }
    self = .values(count.value)
  }

  public var description: String {
    switch self {
    case .values(let count): "\(count)"
    case .uniformRank(let rank): "rank:\(rank)"
    }
  }

  /// Trained values; a rank that does not fit a site counts as the largest that does.
  public func count(over sites: [AdapterSite]) -> Int {
    switch self {
    case .values(let count): count
    case .uniformRank(let rank): sites.reduce(0) { $0 + min(rank, $1.largestRank) * $1.valuesPerRank }
    }
  }
}

extension AdapterSite {
  /// inputs + outputs
  public var valuesPerRank: Int { inputs + outputs }
  public var largestRank: Int { min(inputs, outputs) }
}

/// Why no ranks are suggested.
public enum RankSuggestionError: Error, Equatable, CustomStringConvertible {
  case budget(String)
  case budgetTooSmall(Int, least: Int)
  case option(name: String, value: String, mend: String)
  case noRows
  case notFinite
  case noImportance

  public var description: String {
    switch self {
    case .budget(let text):
      "a budget cannot be \"\(text)\": give a number of values such as 500k or 2M, or a uniform rank as rank:16"
    case .budgetTooSmall(let budget, let least):
      "a budget of \(budget) has room for no rank of any matrix: give at least \(least) values"
    case .option(let name, let value, let mend): "--\(name) \(value) cannot be: \(mend)"
    case .noRows: "the data has no rows with a response to measure by: give others, or a larger --max-length"
    case .notFinite:
      "the gradients are not numbers: check the base, or measure in another --precision such as f32"
    case .noImportance:
      "every gradient is zero: the data says nothing about which matrices matter; give other rows"
    }
  }
}
