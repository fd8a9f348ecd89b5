import ArgumentParser
import Motet
import MotetReport
import MotetServing

struct DecodingBenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "decoding",
    abstract: "Tokens a second of answers under adapters, beside what the machine's memory allows.",
    discussion: """
      Steps of one row and of --rows rows: under the base, under one adapter, and each under its own. A step reads all \
      weights, the adapters of its rows, and their keys and values; the share is the time that memory needs for these \
      bytes, read by all threads just before or after, over the time of the step. Then one prompt of --length tokens is \
      read.
      """)

  @OptionGroup var base: AnsweringOptions

  @Option(help: "Rows of the larger steps, and adapters.")
  var rows = 8

  @Option(help: "The rank of the adapters, on all linear modules.")
  var rank = 16

  @Option(help: "Tokens of a prompt before the steps.")
  var prompt = 64

  @Option(help: "Steps, of which the median counts.")
  var steps = 64

  @Option(help: "Tokens of the prompt that is read.")
  var length = 512

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    for (name, value) in [
      ("rows", rows), ("rank", rank), ("prompt", prompt), ("steps", steps), ("length", length),
    ] { try require(name, value, from: 1, to: 1 << 20) }
  }

  func run() async throws {
    let model = try await base.load()
    let context = model.configuration.maximumPositions
    guard max(prompt + steps, length) <= context else {
      throw ValidationError(
        "the model's context holds \(context) tokens: lower --prompt, --steps or --length")
    }
    let bench = try await DecodingBench(model, rank: rank, count: rows)
    let report = try await Interrupt.cancelling("stopping") {
      var cases: [DecodingBench.Measurement] = []
      for count in rows == 1 ? [1] : [1, rows] {
        for carried in DecodingBench.Carried.allCases where count > 1 || carried != .ownAdapters {
          cases.append(
            try await bench.decode(rows: count, carried: carried, prompt: prompt, steps: steps))
        }
      }
      var readings: [DecodingBench.Reading] = []
      for carried in [DecodingBench.Carried.base, .oneAdapter] {
        readings.append(try await bench.read(tokens: length, carried: carried))
      }
      return Report(
        precision: model.precision.rawValue, decoding: cases, reading: readings)
    }
    if json { return try Console.json(report) }
    show(report)
  }

  private func show(_ report: Report) {
    Console.result(report.precision)
    Console.result(
      TextTable(
        header: ["rows", "carry", "tokens/s", "ms a step", "MB a step", "GB/s", "of the bound"],
        rows: report.decoding.map {
          [
            "\($0.rows)", $0.carried.rawValue, rounded($0.tokensPerSecond, 0),
            rounded(1000 * $0.secondsPerStep, 2),
            rounded($0.bytesPerStep / 1e6, 0), rounded($0.bytesPerSecond / 1e9, 0),
            rounded(100 * $0.shareOfBound, 0) + "%",
          ]
        }
      ).text())
    for reading in report.reading {
      Console.result(
        "reading \(reading.tokens) tokens, \(reading.carried.rawValue): "
          + "\(rounded(reading.tokensPerSecond, 0)) tokens/s")
    }
  }

  private struct Report: Codable {
    let precision: String
    let decoding: [DecodingBench.Measurement]
    let reading: [DecodingBench.Reading]
  }
}
