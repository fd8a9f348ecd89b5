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
      end-of-turn token. exact-match asks for the last assistant turn of each row, with all turns before it, and is the \
      share of greedy answers that are that turn, or one of the answers a row lists, white space and case apart.

      A router reads the user turn that the last assistant turn answers, or a plain text whole. Sets with one file name \
      are told apart by their folders; NAME=FILE names a set.
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
    let file: String
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

  /// The rows of one file, by the name they are shown under.
  private struct RowSet {
    let label: String
    let path: String
    let rows: Dataset
  }

  func validate() throws {
    try require("limit", limit, from: 1)
    try require("max-tokens", maxTokens, from: 1)
    _ = try distinctLabels(of: data)
    var seen = Set<String>()
    if let twice = mix.first(where: { !seen.insert($0).inserted }) {
      throw ValidationError("--mix \(twice) is given twice")
    }
  }

  func run() async throws {
    // Before the weights: a slip in the data must not cost their loading.
    let encoder = try RowEncoder(ModelStore().find(base.base.base).source(base.base.files.reading))
    let sets = try zip(data, distinctLabels(of: data)).map { named, label in
      var rows = try columns.dataset(named.path, for: encoder)
      if let limit { rows.rows = Array(rows.rows.prefix(limit)) }
      if metric == .exactMatch { try rows.checkAnswers() }
      return RowSet(label: label, path: named.path, rows: rows)
    }
    let base = try await base.load(for: .training)
    let loader = MixLoader(base, force: force)
    let mixes = try (mix.isEmpty ? ["base"] : mix).map { (name: $0, mix: try loader.load($0)) }
    var matrix: [(label: String, cells: [Cell])] = []
    for (name, mix) in mixes {
      var cells: [Cell] = []
      for set in sets {
        let fixed = Array(repeating: mix, count: set.rows.rows.count)
        cells.append(try await cell(base, name, set, fixed))
      }
      matrix.append((name, cells))
    }
    if let router {
      let chooser = try RouterFinder.load(router, base: base, force: force)
      // A mix may have that name too.
      let label = mixes.contains { $0.name == "routed" } ? "routed by \(router)" : "routed"
      var cells: [Cell] = []
      for set in sets {
        let chosen = try await Self.mixes(chosenBy: chooser, for: set.rows, loader)
        cells.append(try await cell(base, label, set, chosen))
      }
      matrix.append((label, cells))
    }
    Console.endProgress()
    try report(matrix, columns: sets.map(\.label))
  }

  private static func mixes(
    chosenBy router: any Router, for set: Dataset, _ loader: MixLoader
  ) async throws -> [Mix] {
    var known: [String: Mix] = [:]
    var chosen: [Mix] = []
    for row in set.rows {
      let name = try await router.route(row.prompt).mixDescription
      let mix = try known[name] ?? loader.load(name)
      known[name] = mix
      chosen.append(mix)
    }
    return chosen
  }

  private func cell(_ base: BaseModel, _ mix: String, _ set: RowSet, _ mixes: [Mix]) async throws -> Cell {
    let (rows, maxTokens) = (set.rows, maxTokens)
    Console.progress("\(mix) on \(set.label): \(rows.rows.count) rows", milestone: true)
    func made(_ value: Double, _ count: Int) -> Cell {
      Cell(mix: mix, data: set.label, file: set.path, value: value, count: count)
    }
    switch metric {
    case .nll:
      let nll = try await Interrupt.cancelling("stopping") {
        try await base.nll(of: rows.examples(for: base), mixes: mixes, heldToAnswer: true)
      }
      guard nll.value.isFinite else {
        let row = zip(rows.rows, nll.byRow).first { !$1.isFinite }?.0.line
        throw EvaluationError.notFinite(mix: mix, file: set.path, line: row)
      }
      return made(nll.value, nll.count)
    case .exactMatch:
      let found = try await Interrupt.cancelling("stopping") {
        try await base.exactMatch(of: rows, mixes: mixes, maximumTokens: maxTokens) { done in
          Console.progress("\(done) of \(rows.rows.count) answers", milestone: false)
        }
      }
      if found.cut > 0 {
        Console.note(
          "\(mix) on \(set.label): \(found.cut) wrong answers were cut at \(maxTokens) tokens; --max-tokens allows more"
        )
      }
      return made(found.value, found.count)
    }
  }

  private func report(_ matrix: [(label: String, cells: [Cell])], columns: [String]) throws {
    let cells = matrix.flatMap(\.cells)
    if let heatMap {
      let picture = HeatMap(
        title: "\(metric.rawValue) by mix and set", rowLabels: matrix.map(\.label), columnLabels: columns,
        values: matrix.map { $0.cells.map(\.value) }, format: metric == .nll ? .decimals(3) : .percent,
        lowerIsBetter: metric == .nll)
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
      rows: matrix.map { row in [row.label] + row.cells.map { rounded($0.value, digits) } })
    Console.result(table.text())
  }
}

/// Why an evaluation has no result.
enum EvaluationError: Error, CustomStringConvertible {
  case notFinite(mix: String, file: String, line: Int?)

  var description: String {
    switch self {
    case .notFinite(let mix, let file, let line):
      "\(file)\(line.map { ", row \($0)" } ?? ""): the NLL under \(mix) is not a number: the weights of the mix or of the "
        + "base hold values that overflow; check them with motet adapters verify, and try --precision f32"
    }
  }
}
