/// An option of some methods, as `--key VALUE` and as a key in YAML.
public struct MethodOption: Sendable, Equatable {
  public let key: String
  /// What stands for the value in the help.
  public let placeholder: String
  public let help: String
  /// Whether it says how an adapter begins, so that one that is continued has it already.
  public let isFixedByContinue: Bool
  /// For whoever asks it of another method.
  public let whyOthersLackIt: String?

  public init(
    _ key: String, _ placeholder: String, _ help: String, isFixedByContinue: Bool = false,
    whyOthersLackIt: String? = nil
  ) {
    self.whyOthersLackIt = whyOthersLackIt
    self.key = key
    self.placeholder = placeholder
    self.help = help
    self.isFixedByContinue = isFixedByContinue
  }
}

/// Options that several methods share.
public enum SharedOption: String, Sendable, CaseIterable {
  case rank, alpha, targets, layers, dropout
  case rankPattern = "rank-pattern"
  case alphaPattern = "alpha-pattern"
  case initialization = "init"
}

extension Set<SharedOption> {
  /// Those of an update of low rank.
  public static let lowRank = Set(SharedOption.allCases)
}

/// What a user says of an adapter's method.
public struct MethodSettings: Sendable, Equatable {
  /// The shared options, each with its default where it was not given.
  public var shape: LoRA
  /// The shared options that were given.
  public var given: Set<SharedOption>
  /// A method's own ones, by key.
  public var own: [String: String]

  public init(shape: LoRA = LoRA(), given: Set<SharedOption> = [], own: [String: String] = [:]) {
    self.shape = shape
    self.given = given
    self.own = own
  }

  /// The method that they are for.
  /// - Throws: ``MethodError`` for an option that it does not know or that cannot be
  public func make(_ method: any AdapterMethod.Type) throws -> any AdapterMethod {
    let known = method.sharedOptions.map(\.rawValue) + method.options.map(\.key)
    for key in given.map(\.rawValue).sorted() + own.keys.sorted() where !known.contains(key) {
      throw MethodError.foreignOption(key, method: method.name, known: known.sorted())
    }
    return try method.init(self)
  }

  /// The value of one of the method's own options, or what it is when it was not given.
  /// - Throws: ``MethodError/option(_:value:expected:)`` when it is no number within `range`
  public func number(_ key: String, or standard: Double, within range: ClosedRange<Double>) throws -> Double {
    guard let text = own[key] else { return standard }
    guard let value = Double(text), range.contains(value) else {
      throw MethodError.option(
        key, value: text, expected: "a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  public func integer(_ key: String, or standard: Int, within range: ClosedRange<Int>) throws -> Int {
    guard let text = own[key] else { return standard }
    guard let value = Int(text), range.contains(value) else {
      throw MethodError.option(
        key, value: text, expected: "a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  public func choice(_ key: String, or standard: String, among choices: [String]) throws -> String {
    guard let text = own[key] else { return standard }
    guard choices.contains(text) else {
      throw MethodError.option(key, value: text, expected: choices.joined(separator: " or "))
    }
    return text
  }
}

/// What is wrong with a method, or with what is asked of an adapter of it.
public enum MethodError: Error, Equatable, CustomStringConvertible {
  /// The methods that have an option, as a way out: `, which is of --method moe`.
  private static func owners(of key: String) -> String {
    let owners = AdapterMethods.all.filter { method in
      method.options.contains { $0.key == key }
        || SharedOption(rawValue: key).map { method.sharedOptions.contains($0) } == true
    }
    let reason = AdapterMethods.options.first { $0.key == key }?.whyOthersLackIt
    return owners.isEmpty || owners.count > 4
      ? ""
      : ", which is of --method \(owners.map { $0.name }.joined(separator: " or "))"
        + (reason.map { ": \($0)" } ?? "")
  }

  case unknown(String, near: [String])
  case foreignOption(String, method: String, known: [String])
  case option(String, value: String, expected: String)
  case exclusive(String, String, reason: String)
  case refused(Ability, adapter: String, method: String, reason: String)
  case otherMethod(adapter: String, own: String, asked: String)
  case notContinued(method: String, reason: String)
  case schedule(method: String, reason: String)
  case foreignMemory(String)

  public var description: String {
    switch self {
    case .unknown(let name, let near):
      "no method is called \(name)"
        + (near.isEmpty
          ? ": choose among \(AdapterMethods.names.joined(separator: ", "))"
          : "; did you mean \(near.joined(separator: " or "))?")
    case .foreignOption(let key, let method, let known):
      "\(method) has no option --\(key)"
        + Self.owners(of: key)
        + (known.isEmpty
          ? "; it takes none" : "; it takes \(known.map { "--\($0)" }.joined(separator: ", "))")
    case .option(let key, let value, let expected): "--\(key) cannot be \"\(value)\": give \(expected)"
    case .exclusive(let one, let other, let reason):
      "--\(one) and --\(other): \(reason); leave one of them out"
    case .refused(let ability, let adapter, let method, let reason):
      "\(adapter) cannot \(ability.rawValue): it is a \(method) adapter, and \(reason)"
    case .otherMethod(let adapter, let own, let asked):
      "\(adapter) is a \(own) adapter and cannot go on as \(asked): leave --method out"
    case .notContinued(let method, let reason): "an adapter cannot go on as \(method): \(reason)"
    case .schedule(let method, let reason): "\(method): \(reason)"
    case .foreignMemory(let name): "the checkpoint lacks \(name) of the adapter's method"
    }
  }
}
