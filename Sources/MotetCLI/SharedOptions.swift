import ArgumentParser
import Foundation
import Motet

extension Precision: ExpressibleByArgument {}

/// How a base model's files are read where they do not say it.
struct ReadingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The family that a Hugging Face folder is taken for, in place of its model_type's.", valueName: "name"))
  var architecture: String?

  @Option(
    help: ArgumentHelp(
      """
      The chat template: a Jinja file, or \(BuiltInTemplate.all.map(\.name).joined(separator: ", ")); the model's own \
      if not given.
      """, valueName: "file-or-name"))
  var chatTemplate: String?

  var reading: ModelReading { ModelReading(architecture: architecture, chatTemplate: chatTemplate) }
}

/// The base model of a command that runs one.
struct BaseOptions: ParsableArguments {
  @Option(help: "The base model: a name, ORG/NAME of the hub, a folder or a GGUF file.")
  var base = "smollm2-135m-instruct"

  @Option(
    help: """
      The number format of the frozen matrices: auto, f32, bf16, int8, nf4, or stored for the blocks of a GGUF as \
      they are.
      """)
  var precision = "auto"

  @OptionGroup var files: ReadingOptions

  func validate() throws {
    guard precision == "auto" || Precision(rawValue: precision) != nil else {
      throw ValidationError(
        "--precision \(precision) is not known: choose auto, \(Precision.allCases.map(\.rawValue).joined(separator: ", "))"
      )
    }
  }

  func load(for purpose: BaseModel.Purpose = .training) async throws -> BaseModel {
    try await BaseModel.load(
      base, precision: Precision(rawValue: precision), for: purpose, reading: files.reading
    ).announced()
  }
}

extension BaseModel {
  /// Itself, once what was decided while it was loaded is told.
  nonisolated func announced() -> BaseModel {
    for note in source.notes { Console.note(note) }
    return self
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
      adapterForm: LowRankFactors.Form(rawValue: adapterPrecision), for: purpose,
      reading: base.files.reading
    ).announced()
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
    let specification = try MixSpecification(parsing: text)
    for adapter in specification.terms.map(\.adapter) {
      if let place = try adapter.subfolder() { Console.note("\(adapter): the adapter in \(place) is used") }
    }
    let mix = try specification.load(for: base, from: library, force: force)
    for note in mix.terms.flatMap(\.adapter.notes) { Console.note(note) }
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
  /// Whether the name was given.
  let isNamed: Bool

  init?(argument: String) {
    if let equals = argument.firstIndex(of: "="), equals > argument.startIndex {
      name = String(argument[..<equals])
      path = String(argument[argument.index(after: equals)...])
      isNamed = true
    } else {
      name =
        argument == "-" ? "stdin" : URL(filePath: argument).deletingPathExtension().lastPathComponent
      path = argument
      isNamed = false
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
    try asUsage { try configuration.apply(flags: flags) }
    return configuration
  }
}

/// Tells what is wrong with flags as a usage error.
/// - Throws: `ValidationError` in place of ``ConfigurationError`` and of a method's option that is out of its range
func asUsage(_ body: () throws -> Void) throws {
  do { try body() } catch let error as ConfigurationError {
    throw ValidationError("\(error)")
  } catch let error as MethodError {
    guard case .option = error else { throw error }
    throw ValidationError("\(error)")
  }
}
