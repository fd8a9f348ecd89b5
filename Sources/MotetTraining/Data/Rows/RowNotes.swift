/// Something about a row that is done otherwise than its writer may think, and is said once for all rows like it.
enum RowRemark: Hashable, Sendable {
  /// A response is a list of texts.
  case severalResponses
  /// Turns are marked not to be trained.
  case untrainedTurns
  /// The last turn is the user's.
  case endsUnanswered
  /// A turn of a role beside system, user and assistant.
  case otherRole(String)
  /// The text is a conversation written out in the base's template.
  case rendered
  /// A response ends with the end of turn, written out.
  case writtenEnd(String)
  /// A special token is written out in the text.
  case specialToken(String)
}

/// What is to be said of the rows of one file: what they were read as, what was not used, and remarks.
struct RowNotes: Sendable {
  private var shapes: [(name: String, rows: Int)] = []
  private var unused: [(name: String, rows: Int, isText: Bool)] = []
  private var remarks: [(remark: RowRemark, rows: Int, line: Int)] = []
  /// Kinds that are kept of each: rows with names of their own must not fill the memory.
  private static let limit = 64

  mutating func add(_ parsed: ParsedRow, _ found: Set<RowRemark>, line: Int) {
    if let place = shapes.firstIndex(where: { $0.name == parsed.shape }) {
      shapes[place].rows += 1
    } else if shapes.count < Self.limit {
      shapes.append((parsed.shape, 1))
    }
    for field in parsed.unused {
      if let place = unused.firstIndex(where: { $0.name == field.name }) {
        unused[place].rows += 1
        if field.isText { unused[place].isText = true }
      } else if unused.count < Self.limit {
        unused.append((field.name, 1, field.isText))
      }
    }
    for remark in parsed.remarks.union(found) {
      if let place = remarks.firstIndex(where: { $0.remark == remark }) {
        remarks[place].rows += 1
      } else if remarks.count < Self.limit {
        remarks.append((remark, 1, line))
      }
    }
  }

  /// What the rows were read as; the commonest first where there are several.
  var shape: String {
    if shapes.count == 1 { return shapes[0].name }
    return shapes.sorted { ($1.rows, $0.name) < ($0.rows, $1.name) }.prefix(6)
      .map { "\($0.name) (\(grouped($0.rows)) \($0.rows == 1 ? "row" : "rows"))" }.joined(separator: ", ")
      + (shapes.count > 6 ? ", …" : "")
  }

  /// All that is to be said of rows that were taken as they stand.
  static func shapeLine(_ shape: String) -> String { "read as \(shape)" }

  /// The lines that say more than what the rows were read as.
  var remarkLines: [String] { lines.filter { $0 != Self.shapeLine(shape) } }

  /// A line each, without the file's name.
  var lines: [String] {
    let unusedText =
      unused.isEmpty ? "" : "; \(unused.count == 1 ? "column" : "columns") \(unusedNames) not used\(advice)"
    let first = shapes.isEmpty ? [] : [Self.shapeLine(shape) + unusedText]
    return first
      + remarks.sorted { ($0.line, Self.text($0.remark)) < ($1.line, Self.text($1.remark)) }.map {
        "\(Self.text($0.remark)) (\(grouped($0.rows)) \($0.rows == 1 ? "row" : "rows"), first row \($0.line))"
      }
  }

  private var unusedNames: String {
    unused.prefix(12).map(\.name).joined(separator: ", ") + (unused.count > 12 ? ", …" : "")
  }

  /// Said where a column could be meant: one that holds text.
  private var advice: String {
    unused.contains(where: \.isText) ? " (--columns ROLE=COLUMN uses one)" : ""
  }

  private static func text(_ remark: RowRemark) -> String {
    switch remark {
    case .severalResponses: "several responses are given: the first is the one that is trained"
    case .untrainedTurns: "turns are marked not to be trained: they carry no labels"
    case .endsUnanswered: "the last turn is the user's: it is not answered, so not trained"
    case .otherRole(let role): "turns of the role \"\(role)\" are not trained"
    case .rendered:
      "the text holds the chat template: read as conversations, only the assistant's turns are trained"
    case .writtenEnd(let token):
      "a response ends with \(token) written out: left out, since the template ends the turn"
    case .specialToken(let token):
      "\(token) is written in the text: taken as its characters, and not as the special token"
    }
  }
}
