import Foundation
import MotetAdapters
import MotetReport

extension RankSuggestion {
  /// What `motet train --config` takes as it is: the targets, the rank most sites have, and patterns for the others.
  /// - Parameter comment: its first line
  public func yaml(comment: String) -> String {
    let lora = lora
    func pattern(_ name: String, _ values: [String: String]) -> [String] {
      values.isEmpty
        ? []
        : ["\(name):"] + order(values.keys).map { "  \($0): \(values[$0] ?? "")" }
    }
    var lines = comment.split(separator: "\n").map { "# \($0)" }
    if case .modules(let names) = lora.targets { lines += ["targets:"] + names.map { "  - \($0)" } }
    lines += ["rank: \(lora.rank)", "alpha: \(Int(lora.alpha))"]
    lines += pattern("rank-pattern", lora.rankPattern.mapValues { "\($0)" })
    lines += pattern("alpha-pattern", lora.alphaPattern.mapValues { String(format: "%g", $0) })
    return lines.joined(separator: "\n") + "\n"
  }

  /// As the base has them, not `layers.10` before `layers.2`.
  private func order(_ paths: some Collection<String>) -> [String] {
    let known = Set(paths)
    return importances.entries.map(\.site.path).filter(known.contains)
  }

  /// Ranks by layer and module.
  public var table: TextTable { TextTable(header: ["layer"] + modules.map(\.module), rows: rankRows) }

  private var rankRows: [[String]] {
    grid { place in "\(ranks[place])" }.map { layer, cells in ["\(layer)"] + cells.map { $0 ?? "" } }
  }

  /// What the modules matter, and what they get.
  public var moduleTable: TextTable {
    TextTable(
      header: ["module", "importance", "for its cost", "mean rank", "values", "worth adapting"],
      rows: modules.map { module in
        let own = zip(importances.entries, ranks).filter { $0.0.site.module == module.module }
        let sum = own.reduce(0) { $0 + $1.1 }
        return [
          module.module, String(format: "%.1f%%", 100 * module.share), String(format: "%.2f", module.density),
          String(format: "%.1f", Double(sum) / Double(max(1, own.count))),
          "\(own.reduce(0) { $0 + $1.1 * $1.0.site.valuesPerRank })", module.isWorthwhile ? "yes" : "no",
        ]
      })
  }

  /// In a line: `2440704 of 2442240 values (99.9%) in 208 of 210 matrices, ranks 2 to 31`.
  public var summary: String {
    let adapted = ranks.filter { $0 > 0 }
    let share = 100 * Double(parameterCount) / Double(budget)
    return "\(parameterCount) of \(budget) values (\(String(format: "%.1f", share))%) in \(adapted.count) of "
      + "\(ranks.count) matrices, ranks \(adapted.min() ?? 0) to \(adapted.max() ?? 0)"
  }

  /// Each site's share of all importance.
  public func heatMap(title: String) -> HeatMap {
    let sum = max(importances.sum, .leastNormalMagnitude)
    let cells = grid { importances.entries[$0].value / sum }
    let most = importances.entries.map { $0.value / sum }.max() ?? 1
    return HeatMap(
      title: title, rowLabels: cells.map { "layer \($0.layer)" }, columnLabels: modules.map(\.module),
      values: cells.map(\.cells), format: .percentDecimals(2), range: 0...max(most, .leastNormalMagnitude))
  }

  /// By layer, a cell for each module.
  private func grid<Cell>(_ cell: (Int) -> Cell) -> [(layer: Int, cells: [Cell?])] {
    var places: [Int: [String: Int]] = [:]
    for (place, entry) in importances.entries.enumerated() {
      places[entry.site.layer, default: [:]][entry.site.module] = place
    }
    return places.sorted { $0.key < $1.key }.map { layer, own in
      (layer, modules.map { own[$0.module].map(cell) })
    }
  }
}
