import Foundation
import MotetAdapters
import Yams

extension RunConfiguration {
  /// Reads a YAML file.
  /// - Throws: ``ConfigurationError`` with the line
  public init(contentsOf path: String) throws {
    // Not `contents(atPath:)`, which reads no pipe.
    guard let data = try? FileHandle(forReadingFrom: URL(filePath: path)).readToEnd() ?? Data(),
      let text = String(validating: data, as: UTF8.self)
    else { throw ConfigurationError.unreadable(file: path) }
    try self.init(yaml: text, file: path)
  }

  /// - Parameter file: what errors call it
  public init(yaml: String, file: String) throws {
    let node: Node
    do {
      guard let composed = try Yams.compose(yaml: yaml) else {
        throw ConfigurationError.notYAML(file: file, line: 1, problem: "it is empty")
      }
      node = composed
    } catch let error as YamlError {
      throw Self.readable(error, file: file)
    }
    guard let mapping = node.mapping else {
      throw ConfigurationError.notYAML(file: file, line: 1, problem: "it is no list of keys and values")
    }
    var run = RunConfiguration()
    var shared = AdapterConfiguration()
    var list: Node?
    for (key, value) in mapping {
      let name = key.scalar?.string ?? ""
      let place = SettingPlace.file(file, line: key.mark?.line ?? 1)
      if name == "adapters" {
        list = value
      } else if !(try Self.settings.apply(name, value.input, to: &run, at: place)) {
        try Self.applyToAdapter(name, value.input, to: &shared, at: place)
      }
    }
    run.adapters = try list.map { try Self.adapters($0, shared: shared, file: file) } ?? [shared]
    if run.adapters.count > 1 || list != nil { run.parent = shared.output }
    self = run
  }

  private static func adapters(
    _ list: Node, shared: AdapterConfiguration, file: String
  ) throws -> [AdapterConfiguration] {
    let line = list.mark?.line ?? 1
    guard let sequence = list.sequence, !sequence.isEmpty else {
      throw ConfigurationError.notYAML(file: file, line: line, problem: "adapters is no list of adapters")
    }
    return try sequence.map { node in
      guard let mapping = node.mapping else {
        throw ConfigurationError.notYAML(
          file: file, line: node.mark?.line ?? line, problem: "the adapter is no list of keys and values")
      }
      var adapter = shared
      adapter.output = nil
      for (key, value) in mapping {
        let name = key.scalar?.string ?? ""
        let place = SettingPlace.file(file, line: key.mark?.line ?? line)
        if settings.contains(where: { $0.key == name }) {
          throw ConfigurationError.ofTheRun(key: name, at: place)
        }
        try applyToAdapter(name, value.input, to: &adapter, at: place)
      }
      return adapter
    }
  }

  static func applyToAdapter(
    _ key: String, _ input: SettingInput, to adapter: inout AdapterConfiguration, at place: SettingPlace
  ) throws {
    guard try AdapterConfiguration.settings.apply(key, input, to: &adapter, at: place) else {
      throw ConfigurationError.unknownKey(key, at: place, near: nearNames(to: key, in: knownKeys))
    }
    adapter.given.insert(key)
  }

  private static func readable(_ error: YamlError, file: String) -> ConfigurationError {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      .notYAML(file: file, line: mark.line, problem: problem)
    case .duplicatedKeysInMapping(let keys, let context):
      .notYAML(
        file: file, line: context.mark.line,
        problem: "\(keys.joined(separator: ", ")) stands twice")
    default: .notYAML(file: file, line: 1, problem: "it is no YAML")
    }
  }

  /// The configuration of one adapter as a file that trains it again, alone.
  public func yaml(ofAdapter index: Int) throws -> String {
    var pairs: [(Node, Node)] = []
    func add(_ key: String, _ input: SettingInput?) {
      if let input { pairs.append((Node(key), input.node)) }
    }
    for setting in Self.settings { add(setting.key, setting.get(self)) }
    let adapter = adapters[index]
    for setting in AdapterConfiguration.settings {
      let isFixed = adapter.continued != nil && AdapterConfiguration.fixedByContinue.contains(setting.key)
      let input = setting.get(adapter)
      if !isFixed, adapter.heeds(setting.key), input != .list([]), input != .map([:]) {
        add(setting.key, input)
      }
    }
    return try Yams.serialize(node: Node.mapping(.init(pairs)))
  }
}

extension Array {
  /// Sets what `key` stands for; false when no setting is called so.
  func apply<Root>(
    _ key: String, _ input: SettingInput, to root: inout Root, at place: SettingPlace
  ) throws -> Bool where Element == Setting<Root> {
    guard let setting = first(where: { $0.key == key }) else { return false }
    switch setting.set(&root, input) {
    case .set: return true
    case .otherType:
      throw ConfigurationError.wrongType(
        key: key, value: input.brief, at: place, expected: setting.expected)
    case .outOfRange:
      throw ConfigurationError.outOfRange(
        key: key, value: input.words, at: place, rule: setting.rule ?? setting.expected)
    }
  }
}

extension Node {
  fileprivate var input: SettingInput {
    switch self {
    case .scalar(let scalar):
      let isNull = scalar.style == .plain && ["", "~", "null"].contains(scalar.string)
      return isNull ? .null : .scalar(scalar.string)
    case .sequence(let nodes): return .list(nodes.map(\.input))
    case .mapping(let mapping):
      return .map(
        Dictionary(
          mapping.map { ($0.key.scalar?.string ?? "", $0.value.input) }, uniquingKeysWith: { $1 }))
    case .alias: return .null
    }
  }
}

extension SettingInput {
  fileprivate var node: Node {
    switch self {
    case .null: Node("null")
    case .scalar(let text): Node.scalar(.init(text, .implicit, text.needsQuotes ? .doubleQuoted : .any))
    case .list(let list): Node.sequence(.init(list.map(\.node)))
    case .map(let map):
      Node.mapping(.init(map.sorted { $0.key < $1.key }.map { (Node($0.key), $0.value.node) }))
    }
  }

  /// The value as it was written, for errors.
  var words: String {
    switch self {
    case .null: ""
    case .scalar(let text): "\(text.prefix(60))"
    case .list(let list): list.map(\.words).joined(separator: " ")
    case .map(let map): map.sorted { $0.key < $1.key }.map { "\($0)=\($1.words)" }.joined(separator: " ")
    }
  }

  fileprivate var brief: String {
    switch self {
    case .null: "nothing"
    case .scalar(let text): "\"\(text.prefix(60))\""
    case .list: "a list"
    case .map: "a list of keys and values"
    }
  }
}

extension String {
  /// Words that would be read as nothing if they stood bare.
  fileprivate var needsQuotes: Bool { ["", "~", "null"].contains(self) }
}
