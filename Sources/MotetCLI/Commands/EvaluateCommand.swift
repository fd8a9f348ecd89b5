import ArgumentParser
import Foundation
import Motet
import MotetFormats
import MotetReport

struct EvaluateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Measure mixes on sets of rows.",
    discussion: """
      Several mixes and sets make a matrix. nll is the mean in nats over the response's tokens and the \
      end-of-turn token; exact-match is the share of greedy answers that are the response, white space and case \
      apart.
      """)

  enum Metric: String, ExpressibleByArgument, CaseIterable {
    case nll
    case exactMatch = "exact-match"
  }

  @OptionGroup var base: AnsweringOptions

  @Option(parsing: .upToNextOption, help: "The mixes (default: base).")
  var mix: [String] = []

  @Option(help: "A router (folder or name), measured beside the mixes.")
  var router: String?

  @Option(parsing: .upToNextOption, help: "Sets: FILE or NAME=FILE.")
  var data: [NamedFile]

  @OptionGroup var columns: ColumnOptions

  @Option(help: "nll or exact-match.")
  var metric: Metric = .nll

  @Option(help: "Take only the first rows of each set.")
  var limit: Int?

  @Option(name: .customLong("max-tokens"), help: "The most tokens an answer may have (exact-match).")
  var maxTokens = 256

  @Option(
    name: .customLong("heat-map"), help: "Write the matrix as a picture (SVG).",
    transform: OutputArgument.parse)
  var heatMap: String?

  @Flag(help: "Use adapters and head routers whose record names another base.")
  var force = false

  @Flag(help: "Print one JSON object.")
  var json = false

  struct Cell: Encodable {
    let mix: String
    let data: String
    let value: Double
    let count: Int
  }

  private struct Single: Encodable {
    let metric: String
    let value: Double
    let count: Int
  }

  private struct Matrix: Encodable {
    let metric: String
    let cells: [Cell]
  }

  func run() async throws {
    // Before the weights: a slip in the data must not cost their loading.
    let encoder = try RowEncoder(ModelStore().find(base.base.base).source())
    let sets = try data.map { named in
      var set = try columns.dataset(named.path, for: encoder)
      if let limit { set.rows = Array(set.rows.prefix(limit)) }
      return (name: named.name, set: set)
    }
    let base = try await base.load(for: .training)
    let loader = MixLoader(base, force: force)
    let mixes = try (mix.isEmpty ? ["base"] : mix).map { (name: $0, mix: try loader.load($0)) }
    let chooser = try router.map { try RouterFinder.load($0, base: base, force: force) }
    var cells: [Cell] = []
    for (name, mix) in mixes {
      for (label, set) in sets {
        let fixed = Array(repeating: mix, count: set.rows.count)
        cells.append(try await cell(base, name, label, set, fixed))
      }
    }
    if let chooser {
      for (label, set) in sets {
        var chosen: [Mix] = []
        var known: [String: Mix] = [:]
        for row in set.rows {
          let name = try await chooser.route(row.prompt).mixDescription
          if known[name] == nil { known[name] = try loader.load(name) }
          chosen.append(known[name] ?? .base)
        }
        cells.append(try await cell(base, "routed", label, set, chosen))
      }
    }
    Console.endProgress()
    try report(cells, rows: mixes.map(\.name) + (chooser == nil ? [] : ["routed"]), columns: sets.map(\.name))
  }

  private func cell(
    _ base: BaseModel, _ name: String, _ label: String, _ set: Dataset, _ mixes: [Mix]
  ) async throws -> Cell {
    Console.progress("\(name) on \(label): \(set.rows.count) rows", milestone: true)
    let maxTokens = maxTokens
    switch metric {
    case .nll:
      let nll = try await Interrupt.cancelling("stopping") {
        try await base.nll(of: set.examples(for: base), mixes: mixes, heldToAnswer: true)
      }
      return Cell(mix: name, data: label, value: nll.value, count: nll.count)
    case .exactMatch:
      let answers = try await Interrupt.cancelling("stopping") {
        try await base.answers(to: set.rows.map(\.prompt), mixes: mixes, maximumTokens: maxTokens)
      }
      let right = zip(answers, set.rows).filter { Self.same($0, $1.response) }.count
      return Cell(
        mix: name, data: label, value: Double(right) / Double(max(1, set.rows.count)), count: set.rows.count)
    }
  }

  static func same(_ a: String, _ b: String) -> Bool {
    func plain(_ text: String) -> [Substring] {
      text.lowercased().split(whereSeparator: \.isWhitespace)[...].map { $0 }
    }
    return plain(a) == plain(b)
  }

  private func report(_ cells: [Cell], rows: [String], columns: [String]) throws {
    let values = rows.map { row in
      columns.map { column in cells.first { $0.mix == row && $0.data == column }?.value }
    }
    if let heatMap {
      let picture = HeatMap(
        title: "\(metric.rawValue) by mix and set", rowLabels: rows, columnLabels: columns, values: values)
      try AtomicFile.write(Data(picture.svg().utf8), to: URL(filePath: heatMap))
    }
    if json {
      if cells.count == 1, let cell = cells.first {
        return try Console.json(Single(metric: metric.rawValue, value: cell.value, count: cell.count))
      }
      return try Console.json(Matrix(metric: metric.rawValue, cells: cells))
    }
    let digits = metric == .nll ? 4 : 3
    let table = TextTable(
      header: [metric.rawValue] + columns,
      rows: zip(rows, values).map { row, line in [row] + line.map { $0.map { rounded($0, digits) } ?? "-" } })
    Console.result(table.text())
  }
}
