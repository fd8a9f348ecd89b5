import MotetAdapters

/// One option of a run: its name, what it is for, and the property it sets.
///
/// There is one list of them. The command line, the YAML file and the configuration written beside an adapter all
/// come from it.
public struct Setting<Root>: Sendable {
  /// As after `--` and as a key in YAML.
  public let key: String
  public let help: String
  /// What stands for the value in the help; empty for a switch.
  public let placeholder: String
  /// Whether several words may follow the flag.
  public let isList: Bool
  let expected: String
  /// As "must be …" continues; nil where every value of the type is taken.
  let rule: String?
  let set: @Sendable (inout Root, SettingInput) -> Outcome
  /// nil when it is not set.
  let get: @Sendable (Root) -> SettingInput?

  /// What became of a value.
  enum Outcome: Equatable {
    case set
    /// It is not of the expected type.
    case otherType
    /// It breaks the rule.
    case outOfRange
  }

  /// Whether it is a switch: `--shuffle` and `--no-shuffle`, `shuffle: true`.
  public var isSwitch: Bool { placeholder.isEmpty }

  init<Value: SettingValue>(
    _ key: String, _ path: WritableKeyPath<Root, Value> & Sendable, _ placeholder: String, _ help: String,
    _ rule: SettingRule<Value>? = nil
  ) {
    self.init(
      key, Value.self, placeholder, help, rule: rule?.text, get: { $0[keyPath: path].input },
      set: { root, input in
        guard let value = Value(input) else { return .otherType }
        if let rule, !rule.holds(value) { return .outOfRange }
        root[keyPath: path] = value
        return .set
      })
  }

  /// One that may be left out.
  init<Value: SettingValue>(
    _ key: String, _ path: WritableKeyPath<Root, Value?> & Sendable, _ placeholder: String, _ help: String,
    _ rule: SettingRule<Value>? = nil
  ) {
    self.init(
      key, Value.self, placeholder, help, rule: rule?.text, get: { $0[keyPath: path]?.input },
      set: { root, input in
        let value = Value(input)
        guard value != nil || input == .null else { return .otherType }
        if let rule, let value, !rule.holds(value) { return .outOfRange }
        root[keyPath: path] = value
        return .set
      })
  }

  fileprivate init<Value: SettingValue>(
    _ key: String, _ type: Value.Type, _ placeholder: String, _ help: String, rule: String?,
    get: @escaping @Sendable (Root) -> SettingInput?,
    set: @escaping @Sendable (inout Root, SettingInput) -> Outcome
  ) {
    self.key = key
    self.help = help
    self.placeholder = placeholder
    isList = type.isList
    expected = type.expected
    self.rule = rule
    self.get = get
    self.set = set
  }
}

extension Setting where Root == AdapterConfiguration {
  /// An option that only some methods have.
  init(of option: MethodOption) {
    let methods = AdapterMethods.all.filter { $0.options.contains { $0.key == option.key } }.map { $0.name }
    self.init(
      option.key, String.self, option.placeholder, "\(option.help) (\(methods.joined(separator: ", ")))",
      rule: nil, get: { $0.methodOptions[option.key].map { .scalar($0) } },
      set: { root, input in
        guard let text = String(input) else { return .otherType }
        root.methodOptions[option.key] = text
        return .set
      })
  }
}
