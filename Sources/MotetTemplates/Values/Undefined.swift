/// Why a value is undefined, for the error that using it gives.
public struct Undefined: Sendable {
  indirect enum Reason: Sendable {
    case name(String)
    case attribute(String, of: String)
    case element(String, of: String)
    case other(String)
  }

  let reason: Reason

  init(_ reason: Reason) { self.reason = reason }

  /// A variable that was not set.
  init(name: String) { reason = .name(name) }

  var problem: TemplateProblem {
    switch reason {
    case .name(let name): .failed("'\(name)' is undefined")
    case .attribute(let name, let type): .failed("\(type) has no attribute '\(name)'")
    case .element(let key, let type): .failed("\(type) has no element \(key)")
    case .other(let what): .failed(what)
    }
  }
}

extension TemplateValue {
  static func undefined(_ name: String) -> TemplateValue { .undefined(Undefined(name: name)) }

  static func undefined(because what: String) -> TemplateValue { .undefined(Undefined(.other(what))) }

  var isUndefined: Bool { if case .undefined = self { true } else { false } }
  var isNull: Bool { if case .null = self { true } else { false } }
}
