import MotetModels

/// All that can be said about a run: one YAML file, or the flags of `motet train`, or both.
///
///     base: smollm2-135m-instruct
///     lr: 1e-3                      # what stands here counts for every adapter
///     output: out
///     adapters:
///       - {name: math, data: math.jsonl, rank: 8}
///       - {name: code, data: [code.jsonl, {path: chat.jsonl, weight: 0.5}], validation: 0.1}
public struct RunConfiguration: Sendable, Equatable {
  public var base = "smollm2-135m-instruct"
  /// The family that the base's folder is taken for; nil goes by its `model_type`.
  public var architecture: String?
  /// A file or a name; nil takes the base's own.
  public var chatTemplate: String?
  public var precision = PrecisionSetting(precision: nil)
  public var tokensPerPass = 512
  public var checkpointActivations = false
  public var checkpointEvery: Int?
  /// 0 for none.
  public var checkpointMinutes = 10.0
  /// At least one.
  public var adapters: [AdapterConfiguration] = [AdapterConfiguration()]
  /// The folder that holds the folders of several adapters.
  var parent: String?

  public init() {}

  /// How the base's files are read where they do not say it.
  public var reading: ModelReading { ModelReading(architecture: architecture, chatTemplate: chatTemplate) }

  public static let settings: [Setting<RunConfiguration>] = [
    Setting("base", \.base, "BASE", "The base model: a name, ORG/NAME of the hub, a folder or a GGUF file."),
    Setting(
      "architecture", \.architecture, "NAME",
      "The family that a Hugging Face folder is taken for, in place of its model_type's."),
    Setting(
      "chat-template", \.chatTemplate, "FILE|NAME",
      "The chat template: a Jinja file, or a name such as chatml (the model's own)."),
    Setting(
      "precision", \.precision, PrecisionSetting.words.joined(separator: "|"),
      "The number format of the frozen matrices."),
    Setting(
      "tokens-per-pass", \.tokensPerPass, "N",
      "Tokens that go through the model at once; fewer take less memory (512).", .count()),
    Setting(
      "checkpoint-activations", \.checkpointActivations, "",
      "Keep each layer's input alone and run the layer again on the way back: long rows in little memory."),
    Setting("checkpoint-every", \.checkpointEvery, "STEPS", "Keep the run on the disk so often.", .count()),
    Setting(
      "checkpoint-minutes", \.checkpointMinutes, "M", "The same by the clock; 0 for not (10).", .zeroOrMore),
  ]

  /// Those that name one adapter's own things, and say nothing for several.
  static let ownKeys: Set<String> = ["name", "data", "eval", "continue"]

  static var knownKeys: [String] {
    settings.map(\.key) + AdapterConfiguration.settings.map(\.key) + ["adapters"]
  }
}

/// Where a setting was read.
public enum SettingPlace: Sendable, Equatable {
  case flag
  case file(String, line: Int)
}

/// What is wrong with a configuration.
public enum ConfigurationError: Error, Equatable, CustomStringConvertible {
  case unreadable(file: String)
  case notYAML(file: String, line: Int, problem: String)
  case unknownKey(String, at: SettingPlace, near: [String])
  case wrongType(key: String, value: String, at: SettingPlace, expected: String)
  case outOfRange(key: String, value: String, at: SettingPlace, rule: String)
  /// A flag with one value, given with two.
  case givenTwice(key: String, first: String, second: String)
  case ofTheRun(key: String, at: SettingPlace)
  case ofOneAdapter(key: String)
  case noData(adapter: String)
  case noPlace
  case twoValidations(adapter: String)
  case sayNothingAlone(key: String, others: [String], adapter: String)
  case fixedByContinue(key: String, adapter: String)
  case replacesWhatItContinues(folder: String, adapter: String)

  public var description: String {
    switch self {
    case .unreadable(let file): "cannot read \(file): check the path, and that it is UTF-8 text"
    case .notYAML(let file, let line, let problem): "\(file), line \(line): \(problem)"
    case .unknownKey(let key, let place, let near):
      Self.prefix(place) + "no option is called \(Self.named(key, place))"
        + (near.isEmpty
          ? "; see motet train --help"
          : "; did you mean \(near.map { Self.named($0, place) }.joined(separator: " or "))?")
    case .wrongType(let key, let value, let place, let expected):
      Self.prefix(place) + "\(Self.named(key, place)) cannot be \(value): give \(expected)"
    case .outOfRange(let key, let value, let place, let rule):
      Self.prefix(place) + "\(Self.named(key, place)) must be \(rule) (got \(value))"
    case .givenTwice(let key, let first, let second):
      "--\(key) is given twice, as \(first) and as \(second): keep one of them"
    case .ofTheRun(let key, let place):
      Self.prefix(place) + "\(key) counts for the whole run: write it outside of adapters"
    case .ofOneAdapter(let key):
      "--\(key) says nothing when there are several adapters: write it under adapters in the file"
    case .noData(let adapter): "\(adapter) has no data: add --data FILE, or data in the file"
    case .noPlace: "say where the adapter goes: --output DIR or --name NAME"
    case .twoValidations(let adapter):
      "\(adapter): --eval names validation rows and --validation takes them from the data: choose one"
    case .sayNothingAlone(let key, let others, let adapter):
      "\(adapter): --\(key) says nothing without \(others.map { "--\($0)" }.joined(separator: " or "))"
    case .fixedByContinue(let key, let adapter):
      "\(adapter): --\(key) cannot change with --continue: the adapter goes on as it is"
    case .replacesWhatItContinues(let folder, let adapter):
      "\(adapter): --continue leaves \(folder) as it is: choose another --output"
    }
  }

  private static func prefix(_ place: SettingPlace) -> String {
    if case .file(let file, let line) = place { "\(file), line \(line): " } else { "" }
  }

  private static func named(_ key: String, _ place: SettingPlace) -> String {
    place == .flag ? "--\(key)" : key
  }
}
