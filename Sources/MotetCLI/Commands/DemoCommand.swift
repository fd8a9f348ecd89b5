import ArgumentParser
import Foundation
import Motet
import MotetDemo
import MotetReport

struct DemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo", abstract: "The main job on real input, measured, within --minutes.",
    discussion: """
      Trains a math, a code and a QA adapter on sample data that Motet makes itself, detects what held-out prompts \
      need, switches, blends and merges, and compares all of it. Leaves results.json, report.html, every answer, \
      the adapters and the routers in the output folder.

      The demo first measures how fast this machine trains and answers, and says how long it will take. A machine too \
      slow for all of it within --minutes gets fewer training rows and held-out items.
      """)

  @OptionGroup var base: BaseOptions

  @Option(help: "The folder to write.", transform: OutputArgument.parse)
  var output = "motet-demo"

  @Option(help: "Training rows a domain (default: \(DemoOptions().rows), or as many as --minutes allow).")
  var rows: Int?

  @Option(
    name: .customLong("held-out"),
    help: "Held-out items a domain (default: \(DemoOptions().heldOut), or as many as --minutes allow).")
  var heldOut: Int?

  @Option(
    help: "The longest that the demo may take. A number that --rows or --held-out gives is kept all the same."
  )
  var minutes = 20.0

  @Option(help: "Times through the data.")
  var epochs = DemoOptions().epochs

  @Option(help: "The learning rate.")
  var lr = DemoOptions().learningRate

  @Option(help: "Draws the data and the training.")
  var seed: UInt64 = 0

  @Flag(name: .customLong("data-only"), help: "Only write the sample data, as JSONL, into the output folder.")
  var dataOnly = false

  @Flag(help: "Print the results as one JSON object.")
  var json = false

  func validate() throws {
    try require("rows", rows, from: 16, to: 100_000)
    try require("held-out", heldOut, from: 4, to: 100_000)
    try require("minutes", minutes, in: 0...1e6, above: true)
    try require("epochs", epochs, in: 0...1e6, above: true)
    try require("lr", lr, in: 0...1e3, above: true)
  }

  func run() async throws {
    let usual = DemoOptions()
    let asked = DemoOptions(
      output: URL(filePath: output), rows: rows ?? usual.rows, heldOut: heldOut ?? usual.heldOut,
      epochs: epochs, learningRate: lr, seed: seed)
    // Before the work, not after it.
    try DemoFiles.claim(asked.output)
    if dataOnly {
      let folder = asked.output.appending(path: "data")
      try DemoFiles.write(asked, to: folder)
      return Console.result("sample data: \(folder.relativePath)")
    }
    let model = try await base.load()
    Console.note(
      "Motet on \(model.name) in \(model.precision.rawValue): \(model.parameterCount / 1_000_000)M frozen parameters"
    )
    let options = try await Interrupt.cancelling("stopping") { try await fitted(asked, on: model) }
    let demo = Demo(options, say: { Console.note($0) }, progress: { Console.progress($0, milestone: $1) })
    let results = try await Interrupt.cancelling("stopping; adapters trained so far stay in \(output)") {
      try await demo.run(on: model)
    }
    if json { return try Console.json(results) }
    Console.result(DemoTable(results).text())
    Console.result("results: \(output)/results.json   report: \(output)/report.html")
  }

  /// The options that keep to `--minutes` on this machine, with a word on what the demo takes.
  private func fitted(_ options: DemoOptions, on base: BaseModel) async throws -> DemoOptions {
    let pace = try await DemoPace.measure(on: base, options)
    // A fifth is left for what the estimate does not know.
    var fitted = pace.fitted(options, within: minutes * 60 * 0.8)
    fitted.rows = rows ?? fitted.rows
    fitted.heldOut = heldOut ?? fitted.heldOut
    Console.note(
      "This takes about \(Int((pace.seconds(fitted) / 60).rounded(.up))) min here: \(Int(pace.training)) tokens/s to train "
        + "on, \(Int(pace.answering)) to answer with")
    if fitted.rows < options.rows || fitted.heldOut < options.heldOut {
      Console.note(
        "To stay within \(Int(minutes)) min, it takes \(fitted.rows) of \(options.rows) training rows and "
          + "\(fitted.heldOut) of \(options.heldOut) held-out items a domain, so the shares of right answers are lower "
          + "and less certain; all of them take about \(Int((pace.seconds(options) / 60).rounded(.up))) min "
          + "(--minutes \(Int((pace.seconds(options) / 48).rounded(.up))))")
    }
    return fitted
  }
}
