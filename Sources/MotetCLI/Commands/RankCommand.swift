import ArgumentParser
import Foundation
import Motet
import MotetFormats
import MotetReport

struct RankCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rank", abstract: "Which ranks, at which matrices.", subcommands: [RankSuggestCommand.self])
}

extension ImportanceMeasure: ExpressibleByArgument {}

/// `motet rank suggest`
struct RankSuggestCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "suggest", abstract: "Spend a budget of values over the base's matrices, by importance.",
    usage: "motet rank suggest --budget VALUES --data FILE… [OPTION…]",
    discussion: """
      Importance is measured on a few batches of the data, by one of
        gradient-norm  the norm of the gradient of the loss
        fisher         the squared gradient of a row's likelihood, mean over the rows, summed over the matrix
        sensitivity    |w·∂L/∂w|, summed over the matrix
      Each rank goes where importance/(rank·cost) is highest, so that matrices get values in proportion to their \
      importance; one may get none. --output is a piece of YAML with targets, rank, rank-pattern and alpha-pattern:

        motet rank suggest --budget rank:8 --data rows.jsonl --output ranks.yaml
        motet train --config ranks.yaml --data rows.jsonl --name math

      A module is worth adapting when it matters at least half as much for what a rank of it costs as all do.
      """)

  @OptionGroup var base: BaseOptions

  @Option(
    help: ArgumentHelp(
      "Trained values, such as 500k or 2M; rank:16 for what a uniform rank takes.", valueName: "values"),
    transform: { try ParameterBudget(parsing: $0) })
  var budget: ParameterBudget

  @Option(parsing: .upToNextOption, help: "Rows, as train takes them.")
  var data: [String]

  @OptionGroup var columns: ColumnOptions

  @Option(help: "gradient-norm, fisher or sensitivity.")
  var measure: ImportanceMeasure = .gradientNorm

  @Option(help: "Batches to measure on.")
  var batches = 8

  @Option(help: "Rows a batch.")
  var batch = 8

  @Option(
    help: "Directions of a matrix's input that its gradient is taken in; as many as its inputs are exact.")
  var probe = 32

  @Option(help: "Draws the rows and the directions.")
  var seed: UInt64 = 0

  @Option(help: "all-linear, module names between commas, or auto: those that are worth adapting.")
  var targets = "all-linear"

  @Option(name: .customLong("max-rank"), help: "No matrix gets more.")
  var maxRank: Int?

  @Option(name: .customLong("max-length"), help: "Cut rows to this many tokens.")
  var maxLength: Int?

  @Option(help: "The file to write (YAML).", transform: OutputArgument.parse)
  var output: String?

  @Option(
    name: .customLong("heat-map"), help: "Write importance by layer and module as a picture (SVG).",
    transform: OutputArgument.parse)
  var heatMap: String?

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    for (name, value) in [("batches", batches), ("batch", batch), ("probe", probe)] {
      try require(name, value, from: 1)
    }
    try require("max-rank", maxRank, from: 1)
    try require("max-length", maxLength, from: 2)
  }

  func run() async throws {
    let base = try await base.load()
    let isAutomatic = targets == "auto"
    let sites = try LoRA(rank: 1, targets: isAutomatic ? .allLinear : .init(parsing: targets)).sites(of: base)
    let rows = try TrainingData(
      files: data.map { WeightedFile($0) }, base: base, maximumLength: maxLength,
      columns: columns.parsed, onProgress: { TrainingProgress.showData("rank suggest", $0) })
    for note in rows.report.remarkLines { Console.note(note) }
    let least = sites.map(\.valuesPerRank).min() ?? 0
    // Before the work, not after it.
    if budget.count(over: sites) < least {
      throw RankSuggestionError.budgetTooSmall(budget.count(over: sites), least: least)
    }
    let options = ImportanceOptions(
      measure: measure, batches: batches, batchRows: batch, probe: probe, seed: seed)
    Console.note(
      "\(measure.rawValue) of \(sites.count) matrices of \(base.name) in \(base.precision.rawValue)")
    let importances = try await Interrupt.cancelling("stopping; nothing is written") {
      try await base.importance(of: sites, on: rows, options: options) { done, all in
        Console.progress("\(done) of \(all) rows", milestone: done == all)
      }
    }
    Console.endProgress()
    let suggestion = try RankSuggestion(
      importances, budget: budget, maximumRank: maxRank, onlyWorthwhile: isAutomatic)
    try write(suggestion, base: base.name)
    if json { return try Console.json(Report(suggestion, self, base: base)) }
    Console.result(suggestion.table.text() + "\n\n" + suggestion.moduleTable.text() + "\n")
    Console.result(suggestion.summary)
    let worth = suggestion.modules.filter(\.isWorthwhile).map(\.module)
    Console.result("modules worth adapting: \(worth.joined(separator: ","))")
    for place in [output, heatMap].compactMap({ $0 }) { Console.result("wrote \(place)") }
  }

  private func write(_ suggestion: RankSuggestion, base: String) throws {
    let importances = suggestion.importances
    if let output {
      let comment =
        "motet rank suggest --budget \(budget) --measure \(measure.rawValue): \(base), \(importances.rows) rows\n"
        + suggestion.summary
      try AtomicFile.write(Data(suggestion.yaml(comment: comment).utf8), to: URL(filePath: output))
    }
    if let heatMap {
      let picture = suggestion.heatMap(
        title: "Share of the importance (\(measure.rawValue)), \(base), \(importances.rows) rows")
      try AtomicFile.write(Data(picture.svg().utf8), to: URL(filePath: heatMap))
    }
  }

  private struct Report: Encodable {
    struct Site: Encodable {
      let site: String
      let importance: Double
      let rank: Int
      let parameters: Int
    }
    struct Module: Encodable {
      let module: String
      let share: Double
      let density: Double
      let worthwhile: Bool
    }
    let base: String
    let precision: String
    let measure: String
    let budget: Int
    let parameters: Int
    let rows: Int
    let labels: Int
    let probe: Int
    let targets: String
    let rank: Int
    let rankPattern: [String: Int]
    let alpha: Double
    let alphaPattern: [String: Double]
    let sites: [Site]
    let modules: [Module]
    let output: String?
    let heatMap: String?

    init(_ suggestion: RankSuggestion, _ command: RankSuggestCommand, base: BaseModel) {
      let (importances, lora) = (suggestion.importances, suggestion.lora)
      self.base = base.name
      precision = base.precision.rawValue
      measure = importances.measure.rawValue
      budget = suggestion.budget
      parameters = suggestion.parameterCount
      rows = importances.rows
      labels = importances.labels
      probe = command.probe
      targets = lora.targets.description
      rank = lora.rank
      rankPattern = lora.rankPattern
      alpha = lora.alpha
      alphaPattern = lora.alphaPattern
      sites = zip(importances.entries, suggestion.ranks).map {
        Site(
          site: $0.site.path, importance: $0.value, rank: $1, parameters: $1 * $0.site.valuesPerRank)
      }
      modules = suggestion.modules.map {
        Module(module: $0.module, share: $0.share, density: $0.density, worthwhile: $0.isWorthwhile)
      }
      output = command.output
      heatMap = command.heatMap
    }
  }
}
