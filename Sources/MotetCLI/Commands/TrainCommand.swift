import ArgumentParser
import Foundation
import Motet

struct TrainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train one adapter, or several in one pass, on your data.",
    usage: "motet train --data FILE… (--output DIR | --name NAME) [OPTION…]\n"
      + "motet train --config run.yaml [OPTION…]",
    discussion: """
      The adapter is a PEFT folder. --output names it; --name adds the adapter to the library, as its newest version. \
      Beside it stand motet.json (its base, data and settings), report.html (the page of the run), training.jsonl (a \
      line a step), tensorboard/ (event files), loss.svg, and run.yaml (the configuration that was in force).

      A YAML file has the options below as keys, and under adapters: a list of several that are trained together, each \
      with what it has of its own. A flag goes before the file.

      Ctrl-C stops after the step under way and saves what was learnt; a second one ends at once. --resume goes on \
      from the last checkpoint, after a kill too, and ends with the same adapters.

      \(RunConfiguration.flagsHelp)
      """)

  @Option(help: "A YAML file with any of the options below.")
  var config: String?

  @Flag(
    name: .customLong("dry-run"),
    help: "Say what the run would take, and what the data is like; write nothing.")
  var dryRun = false

  @Flag(help: "Go on from the last checkpoint of a run that did not end.")
  var resume = false

  @Flag(help: "Replace an adapter, and forget a run that did not end.")
  var overwrite = false

  @Flag(help: "Print one JSON object.")
  var json = false

  @Argument(parsing: .allUnrecognized, help: "The options below.")
  var option: [String] = []

  func validate() throws {
    guard !(resume && overwrite) else {
      throw ValidationError("--resume goes on with a run and --overwrite begins it anew: choose one")
    }
    let flags = try RunConfiguration.parsing(option)
    if config == nil { try asUsage { try flags.check() } }
  }

  func run() async throws {
    var configuration = try config.map { try RunConfiguration(contentsOf: $0) } ?? RunConfiguration()
    try configuration.apply(flags: option)
    try configuration.check()
    let base = try await BaseModel.load(
      configuration.base, precision: configuration.precision.precision, reading: configuration.reading
    )
    .announced()
    var teachers: [String: BaseModel] = [:]
    for name in configuration.teacherBases {
      teachers[name] = try await BaseModel.load(name, precision: configuration.precision.precision)
    }
    var run = try configuration.run(
      on: base, start: resume ? .resume : overwrite ? .overwrite : .fresh, teacherBases: teachers,
      onData: TrainingProgress.showData)
    run.command = Console.command
    Console.endProgress()
    try await run.validate()
    if dryRun { return try await DryRun(run).show(json: json) }
    for job in run.jobs { try note(job, on: base) }
    let outcomes = try await Interrupt.cancelling("stopping after this step; what was learnt is saved") {
      [run] in
      let progress = await TrainingProgress(run)
      return try await run.train { progress.show($0) }
    }
    Console.endProgress()
    try TrainingReport(run, outcomes).show(json: json)
    try reportDiverged(outcomes)
    if let blind = outcomes.first(where: { $0.result?.evalAfter?.value.isFinite == false }) {
      throw DivergedRun(
        description:
          "\(blind.name): the validation NLL is not a number: the weights hold values that overflow; lower --lr "
          + "or check the validation rows")
    }
  }

  /// The data report, before a step is taken.
  private func note(_ job: TrainingJob, on base: BaseModel) throws {
    Console.note("\(job.name) on \(base.name) in \(base.precision.rawValue)")
    try DataNotes.show(job)
  }

  /// One line on stderr and status 1, after what the others became.
  private func reportDiverged(_ outcomes: [JobOutcome]) throws {
    let problems = outcomes.compactMap { outcome -> String? in
      guard case .diverged(let step) = outcome.ending else { return nil }
      guard let place = outcome.place, let result = outcome.result else {
        return "\(outcome.name): \(TrainingError.diverged(step: step))"
      }
      return "\(outcome.name): the loss is not a number at step \(step): \(place) holds the weights of step "
        + "\(result.step); lower --lr or check the data"
    }
    if !problems.isEmpty { throw DivergedRun(description: problems.joined(separator: "; ")) }
  }
}

/// Some adapters of a run diverged.
struct DivergedRun: Error, CustomStringConvertible {
  let description: String
}
