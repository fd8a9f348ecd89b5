/// A mapping that keeps the order of its members: Python's dict.
public final class MappingValue: Sendable {
  public let keys: [TemplateValue]
  public let values: [TemplateValue]
  let depth: Int
  /// Where each key stands; nil for few keys, which are found faster by looking at each.
  private let places: [MappingKey: Int]?

  private static let fewKeys = 8

  /// Of a key that stands twice the first place and the last value count.
  /// - Throws: ``TemplateProblem`` for keys that cannot be one, such as lists, and for values nested too deeply
  init(_ members: [(TemplateValue, TemplateValue)]) throws {
    var places: [MappingKey: Int] = [:]
    places.reserveCapacity(members.count)
    var keys: [TemplateValue] = []
    var values: [TemplateValue] = []
    keys.reserveCapacity(members.count)
    values.reserveCapacity(members.count)
    for (key, value) in members {
      let place = try MappingKey(key)
      if let known = places[place] {
        values[known] = value
      } else {
        places[place] = keys.count
        keys.append(key)
        values.append(value)
      }
    }
    self.keys = keys
    self.values = values
    self.places = keys.count > Self.fewKeys ? places : nil
    depth = try Nesting.depth(of: values)
  }

  var count: Int { keys.count }

  /// The value of a key that is a string.
  subscript(name: TemplateText) -> TemplateValue? {
    if let places { return places[.text(name)].map { values[$0] } }
    for (index, key) in keys.enumerated() {
      if case .text(let text) = key, text == name { return values[index] }
    }
    return nil
  }

  /// - Throws: ``TemplateProblem`` for values that cannot be a key
  func value(of key: TemplateValue) throws -> TemplateValue? {
    if case .text(let name) = key { return self[name] }
    let place = try MappingKey(key)
    if let places { return places[place].map { values[$0] } }
    for (index, key) in keys.enumerated() where try MappingKey(key) == place { return values[index] }
    return nil
  }

  /// The members as pairs.
  func pairs() throws -> [TemplateValue] {
    try zip(keys, values).map { .list(try ListValue([$0, $1], .tuple)) }
  }
}

/// A value as a key of a mapping. `1`, `1.0` and `true` are one key, as in Python.
enum MappingKey: Hashable, Sendable {
  case null, undefined
  case int(Int)
  case largeInteger(String)
  case float(Double)
  case text(TemplateText)
  case tuple([MappingKey])
  case object(ObjectReference)

  /// More values than the tuples of a key hold, which may hold one another many times over.
  private static let mostParts = 256

  /// - Throws: ``TemplateProblem`` for values that cannot be a key
  init(_ value: TemplateValue) throws {
    var left = Self.mostParts
    try self.init(value, &left)
  }

  private init(_ value: TemplateValue, _ left: inout Int) throws {
    left -= 1
    guard left > 0 else { throw TemplateProblem.limit("a key has more than \(Self.mostParts) parts") }
    switch value {
    case .null: self = .null
    case .undefined: self = .undefined
    case .bool(let bool): self = .int(bool ? 1 : 0)
    case .int(let int): self = .int(int)
    case .largeInteger(let digits): self = .largeInteger(digits)
    case .float(let float): self = Int(exactly: float).map { .int($0) } ?? .float(float)
    case .text(let text): self = .text(text)
    case .list(let list) where list.isTuple:
      self = .tuple(try list.elements.map { try MappingKey($0, &left) })
    case .object(let object): self = .object(object)
    case .list, .mapping, .callable:
      throw TemplateProblem.failed("\(value.typeName) cannot be a key of a mapping")
    }
  }
}
