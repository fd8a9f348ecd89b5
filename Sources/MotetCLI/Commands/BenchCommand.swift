import ArgumentParser
import Foundation
import Motet
import MotetReport

struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measure this machine on the work Motet does.",
    subcommands: [TrainingBenchCommand.self, DecodingBenchCommand.self])
}

struct TrainingBenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "training",
    abstract: "Tokens a second, the share of the machine's ceiling, and where the time goes.",
    discussion: """
      Trains a fresh adapter on random tokens, every position labelled, or on the rows of --data as they come. The \
      ceiling is the fastest product in bf16 (f32 where the processor has no bf16 units) over the base's own matrix \
      shapes, measured before and after; the share is operations that training needs, over time, over the ceiling.
      """)

  @OptionGroup var base: BaseOptions

  @Option(help: "Rows to train on; without it, random tokens.")
  var data: String?

  @Option(
    help:
      "A model of random weights in place of the base: \(SyntheticModel.Shape.allCases.map(\.rawValue).joined(separator: " or "))."
  )
  var synthetic: String?

  @Option(help: "Rows a step.")
  var rows = 4

  @Option(help: "Tokens of a random row.")
  var length = 256

  @Option(help: "Steps that count; one more goes before them.")
  var steps = 8

  @Option(help: "The rank of the adapter, on all linear modules.")
  var rank = 16

  @Option(name: .customLong("tokens-per-pass"), help: "Tokens that go through the model at once.")
  var tokensPerPass = 512

  @Flag(
    name: .customLong("checkpoint-activations"),
    help: "Keep each layer's input alone and run the layer again on the way back.")
  var checkpointActivations = false

  @Flag(help: "Repeat with twice, four and eight times the rows.")
  var growth = false

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    if let synthetic, SyntheticModel.Shape(rawValue: synthetic) == nil {
      let known = SyntheticModel.Shape.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("--synthetic \(synthetic) is not known: choose among \(known)")
    }
    if synthetic != nil, data != nil {
      throw ValidationError("--data says nothing to a model of random weights: leave it out")
    }
    for (name, value) in [("rows", rows), ("length", length), ("steps", steps), ("rank", rank)] {
      try require(name, value, from: 1, to: 1 << 20)
    }
    try require("tokens-per-pass", tokensPerPass, from: 1)
  }

  func run() async throws {
    let model = try await loadModel()
    let context = model.configuration.maximumPositions
    guard data != nil || length <= context else {
      throw ValidationError("--length must be at most \(context), the model's context (got \(length))")
    }
    let bench = TrainingBench(
      model, method: LoRA(rank: rank), tokensPerPass: tokensPerPass,
      checkpointsActivations: checkpointActivations)
    let before = try await bench.ceiling()
    var runs: [(rows: Int, measurement: TrainingBench.Measurement)] = []
    for factor in growth ? [1, 2, 4, 8] : [1] {
      let batches = try batches(model, rows: rows * factor)
      Console.note(
        "\(batches.count) steps of \(rows * factor) rows on \(model.name) in \(model.precision.rawValue)")
      let measurement = try await Interrupt.cancelling("stopping") {
        try await bench.run(batches) { done, all in
          Console.progress("step \(done)/\(all)", milestone: done == all)
        }
      }
      Console.endProgress()
      runs.append((rows * factor, measurement))
    }
    let after = try await bench.ceiling()
    let ceiling = before.operationsPerSecond > after.operationsPerSecond ? before : after
    if json { return try Console.json(Report(ceiling: ceiling, runs: runs)) }
    show(runs, ceiling: ceiling, precision: model.precision)
  }

  private func loadModel() async throws -> BaseModel {
    guard let shape = synthetic.flatMap(SyntheticModel.Shape.init) else { return try await base.load() }
    let words = try ModelStore().find(base.base).source(base.files.reading)
    Console.note("making random weights")
    return try await BaseModel.load(
      SyntheticModel(shape, words: words), name: "synthetic-\(shape.rawValue)",
      precision: Precision(rawValue: base.precision))
  }

  private func batches(_ model: BaseModel, rows: Int) throws -> [[Example]] {
    guard let data else {
      return TrainingBench.randomBatches(
        steps: steps, rows: rows, length: length, vocabulary: model.configuration.vocabulary)
    }
    let examples = try Dataset(contentsOf: data, for: RowEncoder(model)).examples(for: model)
    return (0..<steps).map { step in
      (0..<rows).map { examples[(step * rows + $0) % examples.count] }
    }
  }

  private func show(
    _ runs: [(rows: Int, measurement: TrainingBench.Measurement)], ceiling: ProductCeiling,
    precision: Precision
  ) {
    Console.result(
      "ceiling: \(rounded(ceiling.operationsPerSecond / 1e9, 0)) GFLOP/s in \(ceiling.precision.rawValue) "
        + "([1024, \(ceiling.inputs)] by [\(ceiling.inputs), \(ceiling.outputs)])")
    for (rows, m) in runs {
      let share = m.operationsPerSecond / ceiling.operationsPerSecond
      Console.result(
        "\(rows) rows a step: \(rounded(m.tokensPerSecond, 0)) tokens/s, "
          + "\(rounded(m.operationsPerToken / 1e6, 0)) MFLOP a token, "
          + "\(rounded(m.operationsPerSecond / 1e9, 0)) GFLOP/s, \(rounded(100 * share, 1))% of the ceiling, "
          + "peak memory \(rounded(Double(m.peakRssBytes) / 1e6, 0)) MB")
    }
    guard let last = runs.first?.measurement else { return }
    let parts = last.breakdown.sorted { $0.value > $1.value }
    Console.result(
      TextTable(
        header: ["operator", "ms a step", "share"],
        rows: parts.map {
          [
            $0.key, rounded(1000 * $0.value / Double(last.steps), 1),
            rounded(100 * $0.value / last.seconds, 1) + "%",
          ]
        }
      ).text())
  }

  private struct Report: Encodable {
    let ceilingPrecision: String
    let ceilingOperationsPerSecond: Double
    let runs: [Run]

    struct Run: Encodable {
      let rows: Int
      let shareOfCeiling: Double
      let measurement: TrainingBench.Measurement
    }

    init(ceiling: ProductCeiling, runs: [(rows: Int, measurement: TrainingBench.Measurement)]) {
      ceilingPrecision = ceiling.precision.rawValue
      ceilingOperationsPerSecond = ceiling.operationsPerSecond
      self.runs = runs.map {
        Run(
          rows: $0.rows,
          shareOfCeiling: $0.measurement.operationsPerSecond / ceiling.operationsPerSecond,
          measurement: $0.measurement)
      }
    }
  }
}
