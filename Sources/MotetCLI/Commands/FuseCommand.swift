import ArgumentParser
import Foundation
import Motet
import MotetFormats

struct FuseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fuse", abstract: "Write a full model with a mix in its weights.",
    discussion: """
      The result is a Hugging Face folder that transformers and Motet load. It is as large as the base; an \
      adapter that should stay removable is merged instead (motet merge). The mix base writes the base itself.
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case safetensors
  }

  enum WeightType: String, ExpressibleByArgument, CaseIterable {
    case f32, bf16

    var element: ElementType { self == .f32 ? .f32 : .bf16 }
  }

  @Option(help: "The base model: a name, ORG/NAME of the hub, a folder or a GGUF file.")
  var base = "smollm2-135m-instruct"

  @OptionGroup var files: ReadingOptions

  @Option(help: "The mix to fuse, such as code=0.5+math=0.5.")
  var mix: String

  @Option(help: "The folder to write.", transform: OutputArgument.parse)
  var output: String

  @Option(help: "safetensors.")
  var format: Format = .safetensors

  @Option(help: "f32 or bf16: what the weights are stored in.")
  var type: WeightType = .f32

  @Flag(help: "Replace a model that Motet wrote there.")
  var overwrite = false

  @Flag(help: "Use adapters whose record names another base.")
  var force = false

  func run() async throws {
    // Before the work, not after it.
    try ModelFolder(URL(filePath: output), overwriting: overwrite).check(
      source: try ModelStore().find(base).source(files.reading))
    let base = try await BaseModel.load(base, reading: files.reading).announced()
    let mix = try MixLoader(base, force: force).load(mix)
    let (output, type, overwrite) = (output, type, overwrite)
    do {
      try await Interrupt.cancelling("stopping; nothing is written") {
        try FusedModel(base, mix: mix).write(
          to: URL(filePath: output), type: type.element, overwriting: overwrite
        ) { done, all in
          Console.progress("\(done)/\(all) tensors", milestone: done == all || done % 100 == 0)
        }
      }
    } catch is CancellationError {
      throw ExitCode(130)
    }
    Console.endProgress()
    Console.result("\(output): \(base.name) with \(mix) in \(type.rawValue)")
  }
}
