import ArgumentParser
import Foundation
import Motet
import MotetDemo

struct CompareCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare", abstract: "Train several methods on the same rows, and put them in one table.",
    usage: "motet compare [--methods all|NAME,…] --data FILE… --eval FILE… [--output DIR] [OPTION…]",
    discussion: """
      Every method sees the same tokens in the same order, with its own defaults (the learning rate first of all), \
      trained alone and one after another on one loaded base. The table tells the trained parameters, the adapter's \
      size on disk, the time of a step, the peak of memory while it trained (of the whole process, with the base), the \
      NLL of the validation rows and of plain text before and after, and the time of a generated token with the \
      adapter carried by the mix and with it written into the weights.

      DIR gets comparison.html with a plot, comparison.json and comparison.md, and a folder for each adapter. What is \
      done stays done: after Ctrl-C or a kill the same command (without --overwrite) goes on where it was, and --methods with others adds \
      those. A method that fails or diverges is a row that says so.

      The options below are those of motet train; those that some methods have count for them alone.

      \(RunConfiguration.flagsHelp)
      """)

  @Option(help: "all, or methods between commas; motet methods lists them.")
  var methods = "all"

  @Option(help: "The folder of the comparison.", transform: OutputArgument.parse)
  var output = "comparison"

  @Option(
    help: "Rows of no domain, to show what was forgotten (default: short English texts of Motet's own).")
  var plain: String?

  @Option(help: "Tokens that are generated for the time of one.")
  var tokens = 48

  @OptionGroup var kept: KeptRunOptions

  func validate() throws {
    try require("tokens", tokens, from: 2)
  }

  func run() async throws {
    let configuration = try kept.configuration()
    let names = try RunConfiguration.methods(methods)
    try configuration.checkComparison(of: names)
    let base = try await BaseModel.load(
      configuration.base, precision: configuration.precision.precision, reading: configuration.reading
    )
    .announced()
    let text = try plain.map { try Dataset(contentsOf: $0, for: RowEncoder(base)) } ?? Self.generalText
    for note in text.notes { Console.note(note) }
    var comparison = try configuration.comparison(
      of: names, on: base, plain: text.source(for: base), folder: URL(filePath: output)
    ) { TrainingProgress.showData("the comparison", $0) }
    comparison.tokens = tokens
    comparison.overwrites = kept.overwrite
    comparison.command = Console.command
    Console.endProgress()
    try DataNotes.warn(of: comparison.jobs.first)
    let result = try await Interrupt.cancelling(
      "stopping after this step; what is done is kept, for a call without --overwrite"
    ) {
      [comparison] in
      let progress = await ComparisonProgress()
      return try await comparison.run { progress.show($0) }
    }
    Console.endProgress()
    if kept.json { try Console.json(result) } else { Console.result(ComparisonReport(result).text()) }
    Console.note("\(output): comparison.html, comparison.json, comparison.md and the adapters")
    if result.rows.allSatisfy({ $0.failure != nil }) { throw ExitCode.failure }
  }

  private static var generalText: Dataset {
    Dataset(
      DemoData.generalText.enumerated().map { DatasetRow(.text($1), line: $0 + 1) }, name: "general text")
  }
}

/// Notes of what a comparison does, and the line of the training under way.
@Compute
private final class ComparisonProgress {
  private var training: TrainingProgress?

  init() {}

  func show(_ event: Comparison.Event) {
    switch event {
    case .measuringBase: Console.note("measuring the base")
    case .kept(let name): Console.note("\(name): done before")
    case .training(let run):
      training = TrainingProgress(run)
      for job in run.jobs { Console.note("\(job.name): \(job.method.summary)") }
    case .step(let event): training?.show(event)
    case .measuring(let name): Console.note("\(name): what was forgotten, and the time of a token")
    case .failed(let name, let reason): Console.note("\(name): \(reason)")
    }
  }
}
