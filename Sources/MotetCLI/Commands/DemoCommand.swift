import ArgumentParser
import Foundation
import Motet
import MotetDemo
import MotetReport

struct DemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo", abstract: "The main job on real input, measured: about ten minutes.",
    discussion: """
      Trains a math, a code and a QA adapter on sample data that Motet makes itself, detects what held-out prompts \
      need, switches, blends and merges, and compares all of it. Leaves results.json, report.html, every answer, \
      the adapters and the routers in the output folder.
      """)

  @OptionGroup var base: BaseOptions

  @Option(help: "The folder to write.")
  var output = "motet-demo"

  @Option(help: "Training rows a domain.")
  var rows = DemoOptions().rows

  @Option(name: .customLong("held-out"), help: "Held-out items a domain.")
  var heldOut = DemoOptions().heldOut

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
    try require("epochs", epochs, in: 0...1e6, above: true)
    try require("lr", lr, in: 0...1e3, above: true)
  }

  func run() async throws {
    let options = DemoOptions(
      output: URL(filePath: output), rows: rows, heldOut: heldOut, epochs: epochs, learningRate: lr,
      seed: seed)
    if dataOnly {
      let folder = options.output.appending(path: "data")
      try DemoFiles.write(options, to: folder)
      return Console.result("sample data: \(folder.relativePath)")
    }
    let model = try await base.load()
    Console.note(
      "Motet on \(model.name) in \(model.precision.rawValue): \(model.parameterCount / 1_000_000)M frozen parameters"
    )
    let demo = Demo(options, say: { Console.note($0) }, progress: { Console.progress($0, milestone: $1) })
    let results = try await Interrupt.cancelling("stopping; adapters trained so far stay in \(output)") {
      try await demo.run(on: model)
    }
    if json { return try Console.json(results) }
    Console.result(DemoTable(results).text())
    Console.result("results: \(output)/results.json   report: \(output)/report.html")
  }
}
