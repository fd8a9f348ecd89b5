/// Something that is called with arguments: a filter, a test, a function or a method.
struct Operation: Sendable {
  typealias Body =
    @Sendable (_ value: TemplateValue, _ given: Given, _ rendering: Rendering) throws -> TemplateValue

  /// The names of its parameters, without that of the value it is applied to.
  private let parameters: [String]
  /// How many of them must be given.
  private let required: Int
  /// Whether any arguments are taken, as they come.
  private let isVariadic: Bool
  private let body: Body

  init(_ parameters: [String], required: Int = 0, _ body: @escaping Body) {
    self.init(parameters, required, isVariadic: false, body)
  }

  /// An operation without arguments.
  init(_ body: @escaping Body) { self.init([], 0, isVariadic: false, body) }

  /// An operation that takes any arguments.
  static func variadic(_ body: @escaping Body) -> Operation { Operation([], 0, isVariadic: true, body) }

  private init(_ parameters: [String], _ required: Int, isVariadic: Bool, _ body: @escaping Body) {
    self.parameters = parameters
    self.required = required
    self.isVariadic = isVariadic
    self.body = body
  }

  /// - Parameter name: what errors call it
  /// - Throws: ``TemplateProblem`` for arguments it does not take
  func callAsFunction(
    _ value: TemplateValue, _ arguments: Arguments, named name: String, in rendering: Rendering
  ) throws -> TemplateValue {
    try rendering.spend(scanning: value)
    for argument in arguments.positional { try rendering.spend(scanning: argument) }
    if isVariadic { return try body(value, Given(arguments), rendering) }
    guard arguments.positional.count <= parameters.count else {
      throw TemplateProblem.failed(
        "\(name) takes at most \(parameters.count) arguments, not \(arguments.positional.count)")
    }
    var values: [TemplateValue?] = arguments.positional
    values += Array(repeating: nil, count: parameters.count - values.count)
    for (parameter, value) in arguments.named {
      guard let index = parameters.firstIndex(of: parameter) else {
        throw TemplateProblem.failed("\(name) takes no argument '\(parameter)'")
      }
      guard values[index] == nil else {
        throw TemplateProblem.failed("\(name) is given '\(parameter)' twice")
      }
      values[index] = value
    }
    if let missing = values.prefix(required).firstIndex(where: { $0 == nil }) {
      throw TemplateProblem.failed("\(name) needs the argument '\(parameters[missing])'")
    }
    return try body(value, Given(values, names: parameters), rendering)
  }
}

/// The arguments of a call as they are written.
struct Arguments {
  var positional: [TemplateValue] = []
  var named: [(name: String, value: TemplateValue)] = []
}

/// The arguments of a call, in the order of the operation's parameters.
struct Given {
  private let values: [TemplateValue?]
  private let names: [String]
  /// The arguments of a variadic operation.
  let all: Arguments

  init(_ values: [TemplateValue?], names: [String]) {
    self.values = values
    self.names = names
    all = Arguments()
  }

  init(_ all: Arguments) {
    self.all = all
    values = []
    names = []
  }

  subscript(index: Int) -> TemplateValue? { values.indices.contains(index) ? values[index] : nil }

  /// An argument that is given and not none.
  func some(_ index: Int) -> TemplateValue? {
    guard let value = self[index], !value.isNull else { return nil }
    return value
  }

  /// - Throws: ``TemplateProblem`` when the argument is no string
  func text(_ index: Int) throws -> TemplateText? {
    guard let value = some(index) else { return nil }
    guard case .text(let text) = value else { throw unfit(index, value, wanted: "a string") }
    return text
  }

  /// - Throws: ``TemplateProblem`` when the argument is no integer
  func int(_ index: Int) throws -> Int? {
    guard let value = some(index) else { return nil }
    guard let integer = value.integer else { throw unfit(index, value, wanted: "an integer") }
    return integer
  }

  func isTrue(_ index: Int, in rendering: Rendering) -> Bool {
    self[index]?.isTrue(in: rendering) ?? false
  }

  private func unfit(_ index: Int, _ value: TemplateValue, wanted: String) -> TemplateProblem {
    if case .undefined(let undefined) = value { return undefined.problem }
    return .failed("the argument '\(names[index])' must be \(wanted), not \(value.typeName)")
  }
}
