import Foundation

/// Which columns of the rows are what, for rows whose columns have names of their own.
///
///     RowColumns(parsing: "prompt=ask,response=reply")
///
/// What is not named is found by looking.
public struct RowColumns: Sendable, Equatable {
  /// What a column can be.
  public enum Role: String, Sendable, CaseIterable {
    case prompt, response, system, context, history, text, label, messages
  }

  public private(set) var byRole: [Role: String] = [:]

  public init() {}

  /// `ROLE=COLUMN`, several between commas.
  /// - Throws: ``ColumnsError``
  public init(parsing text: String) throws {
    var pairs: [(String, String)] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let equals = part.firstIndex(of: "=") else { throw ColumnsError.notAPair(String(part)) }
      pairs.append((String(part[..<equals]), String(part[part.index(after: equals)...])))
    }
    try self.init(pairs)
  }

  /// All that several say.
  /// - Throws: ``ColumnsError`` when two say something of the same role
  public init(joining parts: [RowColumns]) throws {
    try self.init(parts.flatMap { $0.byRole.map { ($0.key.rawValue, $0.value) } })
  }

  init(_ pairs: [(role: String, column: String)]) throws {
    for (name, column) in pairs {
      let name = name.trimmingCharacters(in: .whitespaces)
      let column = column.trimmingCharacters(in: .whitespaces)
      guard let role = Role(rawValue: name) else { throw ColumnsError.unknownRole(name) }
      guard !column.isEmpty else { throw ColumnsError.notAPair("\(name)=") }
      guard byRole.updateValue(column, forKey: role) == nil else { throw ColumnsError.twice(role) }
    }
    if byRole[.messages] != nil {
      let beside: [Role] = [.prompt, .response, .text, .label]
      if let other = beside.first(where: { byRole[$0] != nil }) {
        throw ColumnsError.notTogether(.messages, other)
      }
    }
  }

  subscript(role: Role) -> String? { byRole[role] }

  /// The columns that are named.
  var names: Set<String> { Set(byRole.values) }

  // MARK: Names that are found by looking

  /// Prompts, each with the names of its response: the usual one first.
  static let pairs: [(prompt: String, responses: [String])] = [
    ("prompt", ["response", "completion", "answer", "output", "answers"]),
    ("instruction", ["output", "response", "completion", "answer", "answers"]),
    ("question", ["answer", "response", "answers", "output", "completion"]),
    ("query", ["response", "answer", "answers", "output", "completion"]),
    ("input", ["output", "response", "answer", "completion", "target"]),
  ]
  static let conversations = ["messages", "conversations", "conversation"]
  static let systems = ["system", "system_prompt"]
  static let contexts = ["context", "input"]

  static let knownNames = Set(
    pairs.flatMap { [$0.prompt] + $0.responses } + conversations + systems + contexts
      + ["history", "text", "label"])
}

/// What is wrong with the names of columns.
public enum ColumnsError: Error, Equatable, CustomStringConvertible {
  case notAPair(String)
  case unknownRole(String)
  case twice(RowColumns.Role)
  case notTogether(RowColumns.Role, RowColumns.Role)

  public var description: String {
    let roles = RowColumns.Role.allCases.map(\.rawValue)
    return switch self {
    case .notAPair(let text):
      "--columns \"\(text)\" is not ROLE=COLUMN: write it such as prompt=question,response=answer"
    case .unknownRole(let name):
      "--columns \"\(name)\" is not known: choose among \(roles.joined(separator: ", "))"
    case .twice(let role): "--columns names \(role.rawValue) twice: name one column"
    case .notTogether(let one, let other):
      "--columns names \(one.rawValue) and \(other.rawValue): a row is one or the other"
    }
  }
}

extension RowColumns: CustomStringConvertible {
  /// As it is parsed.
  public var description: String {
    Role.allCases.compactMap { role in byRole[role].map { "\(role.rawValue)=\($0)" } }.joined(separator: ",")
  }
}
