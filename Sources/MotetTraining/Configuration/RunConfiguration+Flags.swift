import MotetAdapters

extension RunConfiguration {
  /// Sets what the flags of a command line say, over what is there.
  ///
  /// `--rank 8`, `--rank=8`, `--data a.jsonl b.jsonl`, `--shuffle` and `--no-shuffle`. What is said of adapters counts
  /// for all of them.
  /// - Throws: ``ConfigurationError``
  public mutating func apply(flags words: [String]) throws {
    var rest = words[...]
    while let word = rest.popFirst() {
      guard word.hasPrefix("--"), word.count > 2 else {
        throw ConfigurationError.unknownKey(word, at: .file("the command line", line: 1), near: [])
      }
      let body = word.dropFirst(2)
      if let equals = body.firstIndex(of: "=") {
        try set(String(body[..<equals]), .scalar(String(body[body.index(after: equals)...])))
      } else {
        try set(String(body), takingValuesFrom: &rest)
      }
    }
  }

  private mutating func set(_ key: String, takingValuesFrom rest: inout ArraySlice<String>) throws {
    guard let shape = Self.shape(of: key) else {
      if key.hasPrefix("no-"), Self.shape(of: String(key.dropFirst(3))) == .switch {
        return try set(String(key.dropFirst(3)), .scalar("false"))
      }
      throw ConfigurationError.unknownKey(key, at: .flag, near: nearNames(to: key, in: Self.knownKeys))
    }
    switch shape {
    case .switch: try set(key, .scalar("true"))
    case .value:
      try set(key, rest.first.map { $0.hasPrefix("--") ? .null : .scalar($0) } ?? .null, given: &rest)
    case .list:
      let words = rest.prefix { !$0.hasPrefix("--") }
      rest = rest.dropFirst(words.count)
      try set(key, .list(words.map { .scalar($0) }))
    }
  }

  /// A flag without its value is an error, not a setting that is left out.
  private mutating func set(
    _ key: String, _ input: SettingInput, given rest: inout ArraySlice<String>
  ) throws {
    guard input != .null else {
      throw ConfigurationError.wrongType(key: key, value: "empty", at: .flag, expected: "a value")
    }
    rest = rest.dropFirst()
    try set(key, input)
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
