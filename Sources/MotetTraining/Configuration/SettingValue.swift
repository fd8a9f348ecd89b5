import MotetAdapters
import MotetTensor

/// What stands for a setting in a file or after a flag, before it is known what it should be.
indirect enum SettingInput: Sendable, Equatable {
  case null
  case scalar(String)
  case list([SettingInput])
  case map([String: SettingInput])
}

/// A type that a setting can have.
protocol SettingValue: Sendable, Equatable {
  /// What is expected, as `give …` continues.
  static var expected: String { get }
  /// Whether several words may follow the flag.
  static var isList: Bool { get }
  init?(_ input: SettingInput)
  /// As it would be written to be read again.
  var input: SettingInput { get }
}

extension SettingValue {
  static var isList: Bool { false }
}

/// A value that is one word.
protocol ScalarSetting: SettingValue {
  init?(text: String)
  var text: String { get }
}

extension ScalarSetting {
  init?(_ input: SettingInput) {
    guard case .scalar(let text) = input else { return nil }
    self.init(text: text)
  }

  var input: SettingInput { .scalar(text) }
}

extension ScalarSetting where Self: LosslessStringConvertible {
  init?(text: String) { self.init(text) }
  var text: String { description }
}

extension Int: ScalarSetting { static var expected: String { "a whole number" } }
extension UInt64: ScalarSetting { static var expected: String { "a whole number that is not negative" } }
extension Double: ScalarSetting { static var expected: String { "a number" } }
extension Float: ScalarSetting { static var expected: String { "a number" } }
extension Bool: ScalarSetting { static var expected: String { "true or false" } }

extension String: ScalarSetting {
  static var expected: String { "a word or a path" }
  init?(text: String) {
    if text.isEmpty { return nil }
    self = text
  }
}

extension ScalarSetting where Self: RawRepresentable & CaseIterable, RawValue == String {
  static var expected: String { allCases.map(\.rawValue).joined(separator: " or ") }
  init?(text: String) { self.init(rawValue: text) }
  var text: String { rawValue }
}

extension Schedule: ScalarSetting {}
extension OptimizerKind: ScalarSetting {}
extension TrainingOptions.Keep: ScalarSetting {}
extension LoRA.Initialization: ScalarSetting {}

/// An adapter method by its name.
public struct MethodSetting: Sendable, Equatable, ScalarSetting {
  public var name: String

  public init(name: String) { self.name = name }

  static var expected: String { AdapterMethods.names.joined(separator: " or ") }

  init?(text: String) {
    guard AdapterMethods.names.contains(text) else { return nil }
    name = text
  }

  var text: String { name }

  var method: any AdapterMethod.Type { (try? AdapterMethods.named(name)) ?? LoRA.self }
}

extension LoRA.Targets: SettingValue {
  static var expected: String { "all-linear, or module names" }
  static var isList: Bool { true }

  init?(_ input: SettingInput) {
    switch input {
    case .scalar(let text): self.init(parsing: text)
    case .list(let words):
      let names = words.compactMap { word -> String? in if case .scalar(let text) = word { text } else { nil }
      }
      guard names.count == words.count, !names.isEmpty else { return nil }
      self.init(parsing: names.joined(separator: ","))
    default: return nil
    }
  }

  var input: SettingInput {
    switch self {
    case .allLinear: .scalar("all-linear")
    case .modules(let names): .scalar(names.joined(separator: ","))
    }
  }
}

/// The number format of the frozen matrices; nil for `auto`.
public struct PrecisionSetting: Sendable, Equatable, ScalarSetting {
  public var precision: Precision?

  public init(precision: Precision?) { self.precision = precision }

  static var words: [String] { ["auto"] + Precision.allCases.map(\.rawValue) }
  static var expected: String { words.joined(separator: " or ") }

  init?(text: String) {
    guard Self.words.contains(text) else { return nil }
    precision = Precision(rawValue: text)
  }

  var text: String { precision?.rawValue ?? "auto" }
}

/// Layers such as `0-29`, or one.
public struct LayerRange: Sendable, Equatable, ScalarSetting {
  public var range: ClosedRange<Int>

  public init(_ range: ClosedRange<Int>) { self.range = range }

  static var expected: String { "a range such as 0-29" }

  init?(text: String) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard let first = parts.first ?? nil, let last = parts.last ?? nil, parts.count <= 2, first <= last
    else { return nil }
    range = first...last
  }

  var text: String { "\(range.lowerBound)-\(range.upperBound)" }
}

extension Dictionary: SettingValue where Key == String, Value: ScalarSetting {
  static var expected: String { "NAME=VALUE, each name once and VALUE being \(Value.expected)" }
  static var isList: Bool { true }

  init?(_ input: SettingInput) {
    var pairs: [(String, Value)] = []
    switch input {
    case .map(let members):
      for (key, member) in members {
        guard let value = Value(member) else { return nil }
        pairs.append((key, value))
      }
    case .list(let words):
      for word in words {
        guard let one = Self(word) else { return nil }
        pairs += one.map { ($0.key, $0.value) }
      }
    case .scalar(let text):
      guard let equals = text.lastIndex(of: "="), equals > text.startIndex,
        let value = Value(text: String(text[text.index(after: equals)...]))
      else { return nil }
      pairs = [(String(text[..<equals]), value)]
    case .null: return nil
    }
    self = Dictionary(pairs, uniquingKeysWith: { $1 })
    if count != pairs.count || isEmpty { return nil }
  }

  var input: SettingInput { .map(mapValues(\.input)) }
}

extension WeightedFile: SettingValue {
  static var expected: String { "a path, PATH=WEIGHT, or path and weight" }

  init?(_ input: SettingInput) {
    switch input {
    case .scalar(let text) where !text.isEmpty:
      if let equals = text.lastIndex(of: "="), equals > text.startIndex,
        let weight = Double(text[text.index(after: equals)...])
      {
        self.init(String(text[..<equals]), weight: weight)
      } else {
        self.init(text)
      }
    case .map(let members):
      guard case .scalar(let path)? = members["path"], !path.isEmpty,
        Set(members.keys).isSubset(of: ["path", "weight"])
      else { return nil }
      guard let weight = members["weight"] else {
        self.init(path)
        return
      }
      guard case .scalar(let text) = weight, let value = Double(text) else { return nil }
      self.init(path, weight: value)
    default: return nil
    }
  }

  var input: SettingInput {
    weight == 1 ? .scalar(path) : .map(["path": .scalar(path), "weight": .scalar("\(weight)")])
  }
}

extension Array: SettingValue where Element: SettingValue {
  static var expected: String { Element.expected }
  static var isList: Bool { true }

  init?(_ input: SettingInput) {
    let elements: [SettingInput] = if case .list(let list) = input { list } else { [input] }
    self = elements.compactMap { Element($0) }
    if count != elements.count || isEmpty { return nil }
  }

  var input: SettingInput { .list(map(\.input)) }
}
