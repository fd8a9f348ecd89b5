import ArgumentParser
import Foundation
import Motet

extension Precision: ExpressibleByArgument {}

/// The base model of a command that runs one.
struct BaseOptions: ParsableArguments {
  @Option(help: "The base model: a name, a folder or a GGUF file.")
  var base = "smollm2-135m-instruct"

  @Option(
    help: """
      The number format of the frozen matrices: auto, f32, bf16, int8, nf4, or stored for the blocks of a GGUF as \
      they are.
      """)
  var precision = "auto"

  func validate() throws {
    guard precision == "auto" || Precision(rawValue: precision) != nil else {
      throw ValidationError(
        "--precision \(precision) is not known: choose auto, \(Precision.allCases.map(\.rawValue).joined(separator: ", "))"
      )
    }
  }

  func load(for purpose: BaseModel.Purpose = .training) async throws -> BaseModel {
    try await BaseModel.load(base, precision: Precision(rawValue: precision), for: purpose)
  }
}

/// The base model of a command that answers, with adapters held as they are to answer.
struct AnsweringOptions: ParsableArguments {
  @OptionGroup var base: BaseOptions

  @Option(
    help: """
      The number format of low-rank adapters: auto (about as many bits as the base has), bf16, int8 or int4. \
      Those of other methods stay as they are.
      """)
  var adapterPrecision = "auto"

  func validate() throws {
    let known = ["auto"] + LowRankFactors.Form.allCases.map(\.rawValue)
    guard known.contains(adapterPrecision) else {
      throw ValidationError(
        "--adapter-precision \(adapterPrecision) is not known: choose \(known.joined(separator: ", "))")
    }
  }

  func load(for purpose: BaseModel.Purpose = .answering) async throws -> BaseModel {
    try await BaseModel.load(
      base.base, precision: Precision(rawValue: base.precision),
      adapterForm: LowRankFactors.Form(rawValue: adapterPrecision), for: purpose)
  }
}

/// A mix by name, loaded for a base.
struct MixLoader {
  let base: BaseModel
  let library: AdapterLibrary
  let force: Bool

  init(_ base: BaseModel, force: Bool = false) {
    self.base = base
    self.force = force
    library = AdapterLibrary(environment: ProcessInfo.processInfo.environment)
  }

  func load(_ text: String) throws -> Mix {
    let mix = try MixSpecification(parsing: text).load(for: base, from: library, force: force)
    for term in mix.terms where term.adapter.record?.base == nil {
      Console.note("\(term.adapter.name): no record of its base; taken because its shapes fit")
    }
    return mix
  }
}

/// `NAME=FILE`, or a file whose name without its ending is the name.
struct NamedFile: ExpressibleByArgument, Sendable {
  let name: String
  let path: String

  init?(argument: String) {
    if let equals = argument.firstIndex(of: "="), equals > argument.startIndex {
      name = String(argument[..<equals])
      path = String(argument[argument.index(after: equals)...])
    } else {
      name =
        argument == "-" ? "stdin" : URL(filePath: argument).deletingPathExtension().lastPathComponent
      path = argument
    }
    if path.isEmpty { return nil }
  }
}

/// The options of a command that trains several times and keeps what is done in a folder.
struct KeptRunOptions: ParsableArguments {
  @Flag(help: "Forget what the folder holds of an earlier one.")
  var overwrite = false

  @Flag(help: "Print one JSON object.")
  var json = false

  @Argument(parsing: .allUnrecognized, help: "Options of motet train.")
  var option: [String] = []

  func validate() throws { _ = try configuration() }

  func configuration() throws -> RunConfiguration { try RunConfiguration.parsing(option) }
}

extension RunConfiguration {
  /// What the flags of a command say.
  /// - Throws: `ValidationError` for flags that were not understood, as a usage error is to be told
  static func parsing(_ flags: [String]) throws -> RunConfiguration {
    var configuration = RunConfiguration()
    do { try configuration.apply(flags: flags) } catch let error as ConfigurationError {
      throw ValidationError("\(error)")
    }
    return configuration
  }
}
