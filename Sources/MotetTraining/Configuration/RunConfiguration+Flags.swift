import MotetAdapters

extension RunConfiguration {
  /// Sets what the flags of a command line say, over what is there.
  ///
  /// `--rank 8`, `--rank=8`, `--data a.jsonl b.jsonl`, `--shuffle` and `--no-shuffle`. What is said of adapters counts
  /// for all of them. A list that is given several times adds up: `--data a.jsonl --data b.jsonl`. The first of them
  /// replaces what was there before. Any other flag is given once.
  /// - Throws: ``ConfigurationError``
  public mutating func apply(flags words: [String]) throws {
    var rest = words[...]
    var given: [String: SettingInput] = [:]
    while let word = rest.popFirst() {
      guard word.hasPrefix("--"), word.count > 2 else {
        throw ConfigurationError.unknownKey(word, at: .file("the command line", line: 1), near: [])
      }
      let (key, input) = try Self.setting(word.dropFirst(2), takingValuesFrom: &rest)
      let whole = try Self.joined(given[key], input, of: key)
      given[key] = whole
      try set(key, whole)
    }
  }

  /// What one flag sets, and to what.
  private static func setting(
    _ body: Substring, takingValuesFrom rest: inout ArraySlice<String>
  ) throws -> (key: String, input: SettingInput) {
    if let equals = body.firstIndex(of: "=") {
      let key = String(body[..<equals])
      guard shape(of: key) != nil else { throw unknown(key) }
      return (key, .scalar(String(body[body.index(after: equals)...])))
    }
    let key = String(body)
    switch shape(of: key) {
    case .switch: return (key, .scalar("true"))
    case .value:
      guard let value = rest.first, !value.hasPrefix("--") else {
        throw ConfigurationError.wrongType(key: key, value: "empty", at: .flag, expected: "a value")
      }
      rest = rest.dropFirst()
      return (key, .scalar(value))
    case .list:
      let words = rest.prefix { !$0.hasPrefix("--") }
      rest = rest.dropFirst(words.count)
      return (key, .list(words.map { .scalar($0) }))
    case nil:
      let bare = String(key.dropFirst(3))
      guard key.hasPrefix("no-"), shape(of: bare) == .switch else { throw unknown(key) }
      return (bare, .scalar("false"))
    }
  }

  private static func unknown(_ key: String) -> ConfigurationError {
    .unknownKey(key, at: .flag, near: nearNames(to: key, in: knownKeys))
  }

  /// What a flag says together with what the same flag said before it.
  private static func joined(
    _ before: SettingInput?, _ now: SettingInput, of key: String
  ) throws -> SettingInput {
    guard let before else { return now }
    if shape(of: key) == .list { return .list(before.elements + now.elements) }
    guard before == now else {
      throw ConfigurationError.givenTwice(key: key, first: before.words, second: now.words)
    }
    return now
  }

  private mutating func set(_ key: String, _ input: SettingInput) throws {
    if try Self.settings.apply(key, input, to: &self, at: .flag) { return }
    if adapters.count > 1 {
      if Self.ownKeys.contains(key) { throw ConfigurationError.ofOneAdapter(key: key) }
      if key == "output", case .scalar(let folder) = input {
        parent = folder
        for index in adapters.indices { adapters[index].output = nil }
        return
      }
    }
    for index in adapters.indices {
      try Self.applyToAdapter(key, input, to: &adapters[index], at: .flag)
    }
  }

  private enum Shape { case `switch`, value, list }

  private static func shape(of key: String) -> Shape? {
    func shape<Root>(_ setting: Setting<Root>) -> Shape {
      setting.isSwitch ? .switch : setting.isList ? .list : .value
    }
    return settings.first { $0.key == key }.map(shape)
      ?? AdapterConfiguration.settings.first { $0.key == key }.map(shape)
  }

  /// The flags with what they are for, in lines of at most 78 characters.
  public static var flagsHelp: String {
    let lines = settings.map { help(of: $0) } + AdapterConfiguration.settings.map { help(of: $0) }
    return lines.joined(separator: "\n")
  }

  private static func help<Root>(of setting: Setting<Root>) -> String {
    let flag = setting.isSwitch ? "--[no-]\(setting.key)" : "--\(setting.key) \(setting.placeholder)"
    var lines = ["  \(flag)"]
    if flag.count > 27 { lines.append("") }
    for word in setting.help.split(separator: " ") {
      let last = lines[lines.count - 1]
      if last.count < 30 {
        lines[lines.count - 1] = last + String(repeating: " ", count: 30 - last.count) + word
      } else if last.count + 1 + word.count <= 78 {
        lines[lines.count - 1] = "\(last) \(word)"
      } else {
        lines.append(String(repeating: " ", count: 30) + word)
      }
    }
    return lines.joined(separator: "\n")
  }
}

extension SettingInput {
  fileprivate var elements: [SettingInput] {
    if case .list(let elements) = self { elements } else { [self] }
  }
}
