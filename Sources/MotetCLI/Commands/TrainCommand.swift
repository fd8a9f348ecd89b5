import ArgumentParser
import Foundation
import Motet

struct TrainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train an adapter on your data.",
    discussion: """
      The adapter is a PEFT folder, with motet.json, a log (training.jsonl) and the loss curve (loss.svg) beside \
      it. --output names the folder; --name adds it to the library as the adapter's newest version. Ctrl-C stops \
      after the step under way and saves what was learnt.
      """)

  @OptionGroup var base: BaseOptions

  @Option(parsing: .upToNextOption, help: "Files of rows (JSONL or JSON).")
  var data: [String]

  @Option(help: "The folder to write.")
  var output: String?

  @Option(help: "The adapter's name in the library.")
  var name: String?

  @Option(help: "Rows whose NLL is taken before and after.")
  var eval: String?

  @Option(help: "lora")
  var method = "lora"

  @Option(help: "The rank r of the update.")
  var rank = 16

  @Option(help: "The scale's numerator: the update counts alpha/rank (default: twice the rank).")
  var alpha: Double?

  @Option(help: "all-linear, or module names between commas.")
  var targets = "all-linear"

  @Option(help: "The layers to adapt, such as 0-29 (default: all).")
  var layers: String?

  @Option(help: "kaiming (as PEFT) or gaussian: how A begins.")
  var `init`: LoRA.Initialization = .kaiming

  @Option(help: "The rate at which inputs of the update are dropped.")
  var dropout: Float = 0

  @Option(help: "Times through the data; may be a fraction.")
  var epochs = 1.0

  @Option(help: "Rows a step.")
  var batch = 8

  @Option(help: "The learning rate.")
  var lr = 2e-4

  @Option(help: "cosine, linear or constant.")
  var schedule: Schedule = .cosine

  @Option(help: "The share of the steps over which the rate rises.")
  var warmup = 0.03

  @Option(name: .customLong("weight-decay"), help: "AdamW's decoupled decay.")
  var weightDecay = 0.01

  @Option(help: "The global norm gradients are clipped to; 0 for none.")
  var clip = 1.0

  @Option(help: "Draws the initial weights, the order and the dropout.")
  var seed: UInt64 = 0

  @Flag(inversion: .prefixedNo, help: "Draw the rows in a new order each epoch.")
  var shuffle = true

  @Option(name: .customLong("max-length"), help: "Cut rows to this many tokens.")
  var maxLength: Int?

  @Option(
    name: .customLong("tokens-per-pass"),
    help: "Tokens that go through the model at once; fewer take less memory.")
  var tokensPerPass = 512

  @Flag(help: "Write into a folder that already holds an adapter.")
  var overwrite = false

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    guard method == "lora" else { throw ValidationError("--method \(method) is not known: choose lora") }
    guard (output == nil) != (name == nil) else {
      throw ValidationError("say where the adapter goes: --output DIR or --name NAME")
    }
    if let layers, Self.range(layers) == nil {
      throw ValidationError("--layers \(layers) is not a range such as 0-29")
    }
  }

  func run() async throws {
    try checkTarget()
    let rows = try data.flatMap { try Dataset(contentsOf: $0).rows }
    let set = Dataset(rows, name: data.joined(separator: ", "))
    let evaluation = try eval.map { try Dataset(contentsOf: $0) }
    let base = try await base.load()
    let trainer = Trainer(
      base,
      method: LoRA(
        rank: rank, alpha: alpha, targets: LoRA.Targets(parsing: targets), layers: layers.flatMap(Self.range),
        dropout: dropout, initialization: self.`init`),
      options: TrainingOptions(
        epochs: epochs, batchRows: batch, learningRate: lr, schedule: schedule, warmup: warmup,
        weightDecay: weightDecay, clip: clip == 0 ? nil : clip, seed: seed, shuffles: shuffle,
        maximumLength: maxLength, tokensPerPass: tokensPerPass))
    Console.note("\(rows.count) rows on \(base.name) in \(base.precision.rawValue)")
    let adapterName = name ?? output.map { URL(filePath: $0).lastPathComponent } ?? "adapter"
    let result = try await Interrupt.cancelling("stopping after this step; what was learnt is saved") {
      try await trainer.train(
        on: set, name: adapterName, evaluation: evaluation, onEvent: TrainingProgress.show)
    }
    Console.endProgress()
    let place = try TrainingOutput(result).save(output: output, name: name)
    try report(result, place: place)
  }

  private func report(_ result: TrainingResult, place: String) throws {
    if json {
      return try Console.json(
        Report(
          adapter: place, steps: result.events.count, tokens: result.tokens, seconds: result.seconds,
          tokensPerSecond: Double(result.tokens) / max(result.seconds, 1e-9), trainLoss: result.finalLoss,
          evalNllBefore: result.evalBefore?.value, evalNllAfter: result.evalAfter?.value,
          peakRssBytes: peakResidentBytes(), stopped: result.wasStopped))
    }
    let speed = rounded(Double(result.tokens) / max(result.seconds, 1e-9), 0)
    Console.result(
      "\(place): \(result.events.count) steps, \(result.tokens) tokens in \(rounded(result.seconds, 1)) s "
        + "(\(speed) tokens/s), loss \(result.finalLoss.map { rounded($0, 4) } ?? "-")")
    if let before = result.evalBefore, let after = result.evalAfter {
      Console.result(
        "NLL of \(eval ?? ""): \(rounded(before.value, 4)) before, \(rounded(after.value, 4)) after")
    }
  }

  private struct Report: Encodable {
    let adapter: String
    let steps: Int
    let tokens: Int
    let seconds: Double
    let tokensPerSecond: Double
    let trainLoss: Double?
    let evalNllBefore: Double?
    let evalNllAfter: Double?
    let peakRssBytes: Int
    let stopped: Bool
  }

  private func checkTarget() throws {
    guard let output, !overwrite else { return }
    if FileManager.default.fileExists(atPath: "\(output)/adapter_config.json") {
      throw OutputError.holdsAdapter(output)
    }
  }

  static func range(_ text: String) -> ClosedRange<Int>? {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard let first = parts.first ?? nil, let last = parts.last ?? nil, parts.count <= 2, first <= last else {
      return nil
    }
    return first...last
  }
}

enum OutputError: Error, CustomStringConvertible {
  case holdsAdapter(String)
  case exists(String)

  var description: String {
    switch self {
    case .holdsAdapter(let path):
      "\(path) already holds an adapter: choose another --output, or replace it with --overwrite"
    case .exists(let path): "\(path) already exists: choose another --output, or replace it with --overwrite"
    }
  }
}

/// The line that shows how a run goes.
enum TrainingProgress {
  @Compute
  static func show(_ event: TrainingEvent) {
    let every = max(1, event.steps / 20)
    Console.progress(
      "step \(event.step)/\(event.steps)  loss \(rounded(event.loss, 4))  "
        + "lr \(String(format: "%.2e", event.learningRate))  \(rounded(event.tokensPerSecond, 0)) tokens/s  "
        + "\(clock(event.secondsLeft)) left",
      milestone: event.step % every == 0 || event.step == event.steps)
  }
}
