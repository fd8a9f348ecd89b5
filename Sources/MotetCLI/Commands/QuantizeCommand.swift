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
      """)

  @Option(help: "The base model: a name, a folder or a GGUF file.")
  var base = "smollm2-135m-instruct"

  @Option(help: "nf4.")
  var precision = "nf4"

  @Option(help: "The folder to write.")
  var output: String

  @Flag(help: "Replace a model that is there.")
  var overwrite = false

  func validate() throws {
    guard precision == "nf4" else {
      throw ValidationError(
        "--precision \(precision) is not saved: choose nf4"
          + (Precision(rawValue: precision) == nil
            ? "" : ", or give --precision \(precision) where the base is used"))
    }
  }

  func run() async throws {
    let base = try await BaseModel.load(base, precision: .nf4)
    let (output, overwrite) = (output, overwrite)
    let share = try await Compute.run {
      try QuantizedModel(base).write(to: URL(filePath: output), overwriting: overwrite)
      return Double(base.byteCount) / Double(base.parameterCount)
    }
    Console.result(
      "\(output): \(base.name) in nf4, \(rounded(share, 3)) bytes a weight in memory")
  }
}
