import MotetAdapters
import MotetModels

/// A rank for each site, as importance would have it within a budget, and modules that are worth it.
///
///     let importances = try await base.importance(of: base.sites, on: rows)
///     let suggestion = try RankSuggestion(importances, budget: .values(2_000_000))
///     let adapter = try await Trainer(base, method: suggestion.lora).train(on: …)
public struct RankSuggestion: Sendable {
  public let importances: SiteImportances
  /// In values.
  public let budget: Int
  /// By place in ``importances``.
  public let ranks: [Int]
  /// In the order of the base.
  public let modules: [ModuleImportance]

  /// - Parameters:
  ///   - onlyWorthwhile: spends the budget on the modules that are worth adapting alone
  ///   - maximumRank: no site gets more
  /// - Throws: ``RankSuggestionError``
  public init(
    _ importances: SiteImportances, budget: ParameterBudget, maximumRank: Int? = nil,
    onlyWorthwhile: Bool = false
  ) throws {
    self.importances = importances
    self.budget = budget.count(over: importances.entries.map(\.site))
    modules = ModuleImportance.all(of: importances)
    var counted = importances
    if onlyWorthwhile {
      let worthwhile = Set(modules.filter(\.isWorthwhile).map(\.module))
      counted.entries = importances.entries.map {
        worthwhile.contains($0.site.module) ? $0 : .init(site: $0.site, value: 0)
      }
    }
    ranks = try counted.ranks(spending: self.budget, maximumRank: maximumRank)
  }

  /// Trained values.
  public var parameterCount: Int {
    zip(importances.entries, ranks).reduce(0) { $0 + $1.0.site.valuesPerRank * $1.1 }
  }

  /// The adapter that has these ranks, with α twice the rank of each site: the scale is 2 everywhere, as it is by
  /// LoRA's own default.
  public var lora: LoRA {
    let adapted = zip(importances.entries, ranks).filter { $1 > 0 }.map { (site: $0.site, rank: $1) }
    let counts = Dictionary(adapted.map { ($0.rank, 1) }, uniquingKeysWith: +)
    let common = counts.max { ($0.value, $0.key) < ($1.value, $1.key) }?.key ?? 1
    var lora = LoRA(rank: common, targets: targets)
    for (site, rank) in adapted where rank != common {
      lora.rankPattern[site.path] = rank
      lora.alphaPattern[site.path] = Double(2 * rank)
    }
    return lora
  }

  /// A module by its name where all its sites of the base have ranks, and by the paths of those that have some where not.
  private var targets: LoRA.Targets {
    let names = modules.flatMap { module -> [String] in
      let sites = zip(importances.entries, ranks).filter { $0.0.site.module == module.module }
      let adapted = sites.filter { $1 > 0 }
      return adapted.count == importances.sitesOfModule[module.module]
        ? [module.module] : adapted.map(\.0.site.path)
    }
    return .modules(names)
  }
}

/// What the sites of one module matter together.
public struct ModuleImportance: Sendable, Equatable {
  /// `q_proj`
  public let module: String
  /// Of the importance of all sites, 0 to 1.
  public let share: Double
  /// Its importance for what a rank of it costs, over that of all sites together: 1 is the mean.
  public let density: Double

  /// Whether it is worth adapting: it matters at least half as much for what it costs as all sites do together.
  public var isWorthwhile: Bool { density >= Self.leastDensity }

  public static let leastDensity = 0.5

  static func all(of importances: SiteImportances) -> [ModuleImportance] {
    var order: [String] = []
    var sums: [String: (value: Double, cost: Int)] = [:]
    for entry in importances.entries {
      let module = entry.site.module
      if sums[module] == nil { order.append(module) }
      let old = sums[module] ?? (0, 0)
      sums[module] = (old.value + entry.value, old.cost + entry.site.valuesPerRank)
    }
    let value = max(importances.sum, .leastNormalMagnitude)
    let cost = sums.values.reduce(0) { $0 + $1.cost }
    return order.map { module in
      let own = sums[module] ?? (0, 1)
      return ModuleImportance(
        module: module, share: own.value / value,
        density: (own.value / value) / (Double(own.cost) / Double(cost)))
    }
  }
}
