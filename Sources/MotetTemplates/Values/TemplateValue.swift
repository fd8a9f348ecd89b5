/// A value of a template: what Python's objects are for jinja2.
///
///     let message = try TemplateValue.mapping([("role", .string("user")), ("content", .string("Hi"))])
///
/// Values cannot be changed, as in the sandbox that `transformers` renders in; only namespaces and loops have state, and
/// that lives in the rendering.
public enum TemplateValue: Sendable {
  /// A name, attribute or element that does not exist. It prints as nothing; using it otherwise is an error.
  case undefined(Undefined)
  case null
  case bool(Bool)
  case int(Int)
  /// An integer of the conversation that has more than 64 bits, as its digits: it is written as it is, and counts as a
  /// float in arithmetic.
  case largeInteger(String)
  case float(Double)
  case text(TemplateText)
  case list(ListValue)
  case mapping(MappingValue)
  /// A namespace, a macro or another object that belongs to the rendering.
  case object(ObjectReference)
  case callable(Callable)
}

extension TemplateValue {
  /// A string of the conversation.
  public static func string(_ string: String, from origin: TemplateText.Origin = .content) -> TemplateValue {
    .text(TemplateText(string, from: origin))
  }

  /// - Throws: ``TemplateProblem`` when lists and mappings are nested too deeply
  public static func array(_ elements: [TemplateValue]) throws -> TemplateValue {
    .list(try ListValue(elements))
  }

  /// A mapping whose names are strings of the conversation. Of a name that is given twice the last value counts.
  /// - Throws: ``TemplateProblem`` when lists and mappings are nested too deeply
  public static func mapping(
    _ members: [(name: String, value: TemplateValue)], names origin: TemplateText.Origin = .content
  ) throws -> TemplateValue {
    .mapping(try MappingValue(members.map { (.string($0.name, from: origin), $0.value) }))
  }
}

/// Lists and mappings within one another, counted from a value that holds none.
enum Nesting {
  /// More than any conversation has, and far less than the stack bears when such a value is printed or freed.
  static let most = 200

  static func depth(of elements: some Sequence<TemplateValue>) throws -> Int {
    var depth = 0
    for element in elements {
      switch element {
      case .list(let list): depth = max(depth, list.depth)
      case .mapping(let mapping): depth = max(depth, mapping.depth)
      case .callable(let callable): depth = max(depth, callable.depth)
      default: break
      }
    }
    guard depth < most else { throw TemplateProblem.limit("lists and mappings are nested \(most) deep") }
    return depth + 1
  }
}
