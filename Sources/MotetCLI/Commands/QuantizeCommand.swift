import ArgumentParser
import Foundation
import Motet

struct QuantizeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quantize", abstract: "Quantize a base model once, and save it.",
    discussion: """
      The result is a Hugging Face folder in bitsandbytes' layout of NF4: a base like any other (--base DIR), which \
      transformers with bitsandbytes loads too. Adapters trained on it fit the base it was made from. Only nf4 is \
      saved: int8 is made from a text that goes through the model as it is loaded, which --precision int8 does.

      Each value is rounded by itself, to what bitsandbytes gives. With --calibrate, rows go through the model, and \
      each matrix is rounded so that what it gives for them stays near (GPTQ): much nearer to the base. The head and the \
      matrices that gain most by it get a fifth bit a value, so that the whole takes 0.60 bytes a weight in place of \
      0.52. Those bits are Motet's own, in motet-tables.safetensors; transformers does without them and finds NF4, which \
      is farther from the base then. Give the rows that adapters will be trained on, and never those that judge them. \
      It takes a minute or two for 100 million weights on two cores.

        motet quantize --calibrate math.jsonl --output math-nf4
        motet train --base math-nf4 --data math.jsonl --name math
      """)

  @Option(help: "The base model: a name, ORG/NAME of the hub, a folder or a GGUF file.")
  var base = "smollm2-135m-instruct"

  @OptionGroup var files: ReadingOptions

  @Option(help: "nf4.")
  var precision = "nf4"

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Rows, as train takes them, to round the matrices by.", valueName: "file"))
  var calibrate: [String] = []

  @OptionGroup var columns: ColumnOptions

  @Option(
    name: .customLong("calibration-tokens"),
    help: "Read only so many tokens of them (16384); time grows with it.")
  var calibrationTokens: Int?

  @Option(help: "The folder to write.", transform: OutputArgument.parse)
  var output: String

  @Flag(help: "Replace a model that Motet wrote there.")
  var overwrite = false

  func validate() throws {
    guard precision == "nf4" else {
      throw ValidationError(
        "--precision \(precision) is not saved: choose nf4"
          + (Precision(rawValue: precision) == nil
            ? "" : ", or give --precision \(precision) where the base is used"))
    }
    if let calibrationTokens {
      guard !calibrate.isEmpty else { throw ValidationError("--calibration-tokens is for --calibrate") }
      try require("calibration-tokens", calibrationTokens, from: 1)
    }
  }

  func run() async throws {
    let (base, how) = try await calibrate.isEmpty ? plain() : calibrated()
    let (output, overwrite) = (output, overwrite)
    let share = try await Compute.run {
      try QuantizedModel(base).write(to: URL(filePath: output), overwriting: overwrite)
      return Double(base.byteCount) / Double(base.parameterCount)
    }
    Console.result(
      "\(output): \(base.name) in nf4\(how), \(rounded(share, 3)) bytes a weight in memory")
  }

  private func plain() async throws -> (BaseModel, how: String) {
    let source = try ModelStore().find(base).source(files.reading)
    try ModelFolder(URL(filePath: output), overwriting: overwrite).check(source: source)
    return (try await BaseModel.load(base, precision: .nf4, reading: files.reading).announced(), "")
  }

  /// Rounded by what the rows of `--calibrate` make of its inputs.
  private func calibrated() async throws -> (BaseModel, how: String) {
    let found = try ModelStore().find(base)
    let source = try found.source(files.reading)
    // Before the work, not after it.
    try ModelFolder(URL(filePath: output), overwriting: overwrite).check(source: source)
    let data = try TrainingData(
      files: calibrate.map { WeightedFile($0) }, encoder: try RowEncoder(source),
      maximumLength: min(1024, source.configuration.maximumPositions), columns: columns.parsed,
      onProgress: { TrainingProgress.showData("quantize", $0) })
    for note in data.report.remarkLines { Console.note(note) }
    let rows = try data.calibrationRows(tokens: calibrationTokens ?? 16384)
    let tokens = rows.reduce(0) { $0 + $1.count }
    let layers = source.configuration.layers
    let base = try await Interrupt.cancelling("stopping; nothing is written") {
      try await BaseModel.load(source, name: found.name, roundedBy: rows) { done in
        Console.progress(
          "calibrating: layer \(done) of \(layers)", milestone: done % 10 == 0 || done == layers)
      }
    }
    Console.endProgress()
    return (base, " calibrated on \(tokens) tokens of \(rows.count) rows")
  }
}
