/// Where something stands in a template. Both count from 1; columns count bytes.
public struct TemplatePlace: Hashable, Sendable {
  public var line: Int
  public var column: Int
}

/// Why a template could not be read or rendered.
public enum TemplateError: Error, Equatable, CustomStringConvertible {
  /// It is not a template: a tag or an expression is malformed.
  case syntax(TemplatePlace, problem: String)
  /// It uses something of Jinja that is not implemented here; `what` names it.
  case unsupported(TemplatePlace, what: String)
  /// Rendering failed: something is undefined, or values do not fit an operation.
  case failed(TemplatePlace, problem: String)
  /// The template called `raise_exception` with these words.
  case raised(TemplatePlace, message: String)
  /// It would take more time or memory than a template is given; `what` names the limit.
  case limit(TemplatePlace, what: String)

  public var description: String {
    switch self {
    case .syntax(let place, let problem), .failed(let place, let problem): "\(place): \(problem)"
    case .unsupported(let place, let what): "\(place): \(what) is not supported"
    case .raised(let place, let message): "\(place): the template says: \(message)"
    case .limit(let place, let what): "\(place): \(what)"
    }
  }
}

extension TemplatePlace: CustomStringConvertible {
  public var description: String { "line \(line), column \(column)" }
}

/// A failure of an operation on values, before it is known where in the template the operation stands.
public enum TemplateProblem: Error, Equatable {
  case failed(String)
  case unsupported(String)
  case raised(String)
  case limit(String)

  func error(at place: TemplatePlace) -> TemplateError {
    switch self {
    case .failed(let problem): .failed(place, problem: problem)
    case .unsupported(let what): .unsupported(place, what: what)
    case .raised(let message): .raised(place, message: message)
    case .limit(let what): .limit(place, what: what)
    }
  }
}
