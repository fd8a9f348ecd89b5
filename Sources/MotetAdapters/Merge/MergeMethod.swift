import Foundation

/// A way to make one adapter of several.
///
/// A method declares its name, its source and its options; the command line and the reports ask it.
/// To add one, add a file with a conforming type and a line in `Merge.methods`.
public protocol MergeMethod: Sendable {
  /// What the command line calls it, such as `svd`.
  static var name: String { get }
  /// A line for a table of methods.
  static var title: String { get }
  /// Where it comes from: the paper and its section, or the program it agrees with.
  static var source: String { get }
  /// What can be set, beside the weights and the rank.
  static var options: [MergeOption] { get }
  /// Whether the rank of the result can be chosen.
  static var takesRank: Bool { get }
  /// Whether the updates must first be fitted to the inputs of their own domains (`InputFit`).
  static var needsInputs: Bool { get }

  /// - Parameter options: a value for each of `Self.options`, checked by `Merge.method(named:options:)`.
  init(options: [String: Double])

  /// The update of one site.
  ///
  /// - Parameters:
  ///   - updates: the updates of the adapters that adapt this site, each with its weight; never empty, all of
  ///     one shape.
  ///   - rank: the largest rank the result may have; nil chooses.
  /// - Throws: `MergeError`.
  func merge(_ updates: [WeightedUpdate], rank: Int?, site: String) throws -> LowRankWeights
}

/// A number a merge method can be told.
public struct MergeOption: Sendable, Equatable {
  public let name: String
  public let title: String
  public let standard: Double
  public let range: ClosedRange<Double>

  public init(name: String, title: String, standard: Double, range: ClosedRange<Double>) {
    self.name = name
    self.title = title
    self.standard = standard
    self.range = range
  }
}

/// One adapter's update of one site, with the weight that adapter has in the merge.
public struct WeightedUpdate: Sendable {
  public let weights: LowRankWeights
  public let weight: Float

  public init(weights: LowRankWeights, weight: Float) {
    self.weights = weights
    self.weight = weight
  }

  /// What B·A is multiplied by in the weighted sum: weight · scale.
  public var coefficient: Double { Double(weight) * Double(weights.scale) }
}

extension MergeMethod {
  public static var needsInputs: Bool { false }

  /// Merges whole adapters, site by site. A site that only some of them adapt is merged from those.
  ///
  /// - Returns: an adapter whose scales are 1 (α = rank), so that also a reader that ignores `rank_pattern`
  ///   and `alpha_pattern` gives it the right strength.
  /// - Throws: `MergeError`.
  public func merge(
    _ terms: [(adapter: AdapterWeights, weight: Float)], rank: Int? = nil
  ) throws -> AdapterWeights {
    guard let first = terms.first else { throw MergeError.nothingToMerge }
    if let rank {
      guard Self.takesRank else { throw MergeError.rankNotTaken(method: Self.name) }
      guard rank > 0 else { throw MergeError.rankNotPositive(rank) }
    }
    for (index, term) in terms.enumerated() where !term.weight.isFinite {
      throw MergeError.weightNotFinite(position: index + 1, weight: term.weight)
    }
    for (index, term) in terms.enumerated() {
      guard let reason = term.adapter.refusal(of: .merge) else { continue }
      throw MethodError.refused(
        .merge, adapter: "adapter \(index + 1)", method: term.adapter.method.name, reason: reason)
    }
    var merged: [String: LowRankWeights] = [:]
    for site in Set(terms.flatMap { $0.adapter.sites.keys }).sorted() {
      let updates = terms.compactMap { term in
        term.adapter.sites[site].map { WeightedUpdate(weights: $0, weight: term.weight) }
      }
      let shapes = updates.map { [$0.weights.outputs, $0.weights.inputs] }
      for shape in shapes where shape != shapes[0] {
        throw MergeError.shapesDiffer(site: site, first: shapes[0], other: shape)
      }
      merged[site] = try merge(updates, rank: rank, site: site)
    }
    let bases = Set(terms.compactMap(\.adapter.baseModel))
    return try AdapterWeights(
      sites: merged, baseModel: bases.count == 1 ? bases.first : first.adapter.baseModel)
  }
}
