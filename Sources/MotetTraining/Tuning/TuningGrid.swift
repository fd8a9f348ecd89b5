import Foundation
import MotetAdapters
import MotetModels
import MotetTensor

/// What a search tries: every combination of these values is a candidate.
public struct TuningGrid: Sendable, Equatable {
  public var ranks: [Int]
  /// Each one a number, or a multiple of the rank.
  public var alphas: [Alpha]
  public var learningRates: [Double]
  /// Each one as `--targets` has it.
  public var targets: [String]

  public enum Alpha: Sendable, Equatable {
    case absolute(Double)
    case timesRank(Double)

    func value(rank: Int) -> Double {
      switch self {
      case .absolute(let value): value
      case .timesRank(let factor): factor * Double(rank)
      }
    }
  }

  /// One combination; nil is what the method takes by itself.
  public struct Candidate: Sendable, Equatable, Codable {
    public var rank: Int?
    public var alpha: Double?
    public var learningRate: Double
    public var targets: String?
  }

  /// Reads lists between commas; nil takes values around what is usual for `method`, where it has such a thing.
  /// - Throws: ``TuningError``
  public init(
    method: any AdapterMethod.Type, ranks: String? = nil, alphas: String? = nil, learningRates: String? = nil,
    targets: String? = nil
  ) throws {
    func words(_ text: String?, _ list: String, of option: SharedOption?, or standard: [String]) throws
      -> [String]
    {
      let has = option.map { method.sharedOptions.contains($0) } ?? true
      guard let text else { return has ? standard : [] }
      guard has else { throw TuningError.methodHasNo(list: list, method: method.name) }
      var found: [String] = []
      for word in text.split(separator: ",").map({ $0.trimmingCharacters(in: .whitespaces) })
      where !word.isEmpty && !found.contains(word) { found.append(word) }
      guard !found.isEmpty else { throw TuningError.noValues(list: list) }
      return found
    }
    // Around what the method takes by itself; where that is no rule of all methods, it alone.
    let usual = method.standards[.rank].flatMap { Int($0) } ?? 16
    let hasOwnAlpha = method.standards[.alpha] != nil
    let hasOwnTargets = method.standards[.targets] != nil
    let standardRanks = [usual / 4, usual / 2, usual, 2 * usual].filter { $0 > 0 }.map { "\($0)" }
    self.ranks = try words(ranks, "ranks", of: .rank, or: standardRanks).map { word in
      guard let rank = Int(word), rank > 0 else {
        throw TuningError.value(list: "ranks", value: word, expected: "whole numbers such as 4,8,16")
      }
      return rank
    }
    self.alphas = try words(
      alphas, "alphas", of: .alpha, or: hasOwnAlpha ? [] : ["1x", "2x"]
    ).map { word in
      let factor = word.hasSuffix("x")
      guard let value = Double(factor ? String(word.dropLast()) : word), value > 0, value.isFinite else {
        throw TuningError.value(
          list: "alphas", value: word, expected: "numbers such as 16, or 2x for twice the rank")
      }
      return factor ? .timesRank(value) : .absolute(value)
    }
    let rates = [0.5, 1, 2.5, 5].map { "\($0 * method.learningRate)" }
    self.learningRates = try words(learningRates, "lrs", of: nil, or: rates).map { word in
      guard let rate = Double(word), rate > 0, rate.isFinite else {
        throw TuningError.value(list: "lrs", value: word, expected: "rates such as 1e-4,5e-4")
      }
      return rate
    }
    self.targets = try words(
      targets, "target-sets", of: .targets, or: hasOwnTargets ? [] : ["all-linear", "attention"]
    ).map { $0.replacing("+", with: ",") }
  }

  /// Every combination once, in the order of the lists.
  public var candidates: [Candidate] {
    func optional<T>(_ list: [T]) -> [T?] { list.isEmpty ? [nil] : list.map { $0 } }
    var found: [Candidate] = []
    for rank in optional(ranks) {
      for alpha in optional(alphas) {
        for rate in learningRates {
          for targets in optional(targets) {
            let candidate = Candidate(
              rank: rank, alpha: alpha?.value(rank: rank ?? 1), learningRate: rate, targets: targets)
            // Twice a rank of 8 is 16.
            if !found.contains(candidate) { found.append(candidate) }
          }
        }
      }
    }
    return found
  }

  /// Different ones, drawn by a seed; all of them when they are no more than `count`.
  public func draw(_ count: Int, seed: UInt64) -> [Candidate] {
    var generator = SeededGenerator(seed: seed, for: "tune")
    return Array(candidates.shuffled(using: &generator).prefix(count))
  }
}
