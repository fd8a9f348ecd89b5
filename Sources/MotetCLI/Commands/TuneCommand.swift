import ArgumentParser
import Foundation
import Motet

struct TuneCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tune",
    abstract: "Search rank, alpha, learning rate and targets on a fixed budget of tokens.",
    usage: "motet tune --data FILE… --eval FILE… [--trials N] [--tokens BUDGET] [--output DIR] [OPTION…]",
    discussion: """
      Successive halving (Jamieson & Talwalkar 2016): N trials, drawn from the grid by --seed, train together in one \
      pass on the same rows; at the end of each rung the best 1/η by the NLL of the validation rows go on from where \
      they are, until one is left. Every rung has an equal share of the tokens. The learning rate is constant after a \
      warm-up (--warmup is its share of the first rung); --schedule is what the winner's configuration has.

      DIR gets tuning.html with plots, tuning.json, and winner.yaml for motet train --config. After Ctrl-C or a kill \
      the same command (without --overwrite) goes on where it was.

      The options below are those of motet train.

      \(RunConfiguration.flagsHelp)
      """)

  @Option(help: "Ranks to try (a quarter to twice the method's own: 4,8,16,32).")
  var ranks: String?

  @Option(help: "Alphas to try: numbers, or 2x for twice the rank (1x,2x).")
  var alphas: String?

  @Option(help: "Learning rates to try (half to five times the method's own).")
  var lrs: String?

  @Option(
    name: .customLong("target-sets"),
    help: "Targets to try: all-linear, attention, mlp, or modules joined by + (all-linear,attention).")
  var targetSets: String?

  @Option(help: "Combinations to try; all, where there are fewer.")
  var trials = 8

  @Option(
    help: "Tokens of all trials together, such as 200k (so many that the last one left sees an epoch).",
    transform: {
      guard let count = ScaledCount(parsing: $0) else {
        throw ValidationError("give a count such as 200000, 200k or 1.5M")
      }
      return count
    })
  var tokens: ScaledCount?

  @Option(help: "Of so many trials one goes on after a rung.")
  var eta = 2

  @Option(help: "The folder of the search.", transform: OutputArgument.parse)
  var output = "tuning"

  @OptionGroup var kept: KeptRunOptions

  func validate() throws {
    try require("trials", trials, from: 1, to: 10_000)
    try require("eta", eta, from: 2)
  }

  func run() async throws {
    let configuration = try kept.configuration()
    try configuration.checkTuning()
    _ = try SuccessiveHalving(trials: trials, eta: eta, tokens: tokens?.value ?? 1)
    let grid = try TuningGrid(
      method: configuration.searchedMethod, ranks: ranks, alphas: alphas, learningRates: lrs,
      targets: targetSets)
    let base = try await BaseModel.load(
      configuration.base, precision: configuration.precision.precision, reading: configuration.reading
    )
    .announced()
    var tuning = try await configuration.tuning(
      of: grid, trials: trials, eta: eta, tokens: tokens?.value, on: base, folder: URL(filePath: output)
    ) { TrainingProgress.showData("the search", $0) }
    tuning.overwrites = kept.overwrite
    tuning.command = Console.command
    Console.endProgress()
    try await tuning.validate()
    try DataNotes.warn(of: tuning.jobs.first)
    Console.note(
      "\(tuning.halving.trials) of \(grid.candidates.count) combinations on \(base.name) in "
        + "\(base.precision.rawValue); rungs end at steps \(tuning.rungs.map { "\($0)" }.joined(separator: ", "))"
    )
    let table = try await Interrupt.cancelling(
      "stopping after this step; the search is kept, for a call without --overwrite"
    ) { [tuning] in
      let progress = await TrainingProgress(names: tuning.names)
      return try await tuning.run { progress.show($0) }
    }
    Console.endProgress()
    if kept.json { return try Console.json(table) }
    Console.result(TuningReport(table).text())
    guard let winner = tuning.configuration(of: table) else { return }
    Console.result(
      "\n# \(output)/winner.yaml: motet train --config \(output)/winner.yaml\n\(winner)", terminator: "")
  }
}
