import ArgumentParser
import Motet

/// How a command's rows are to be read.
struct ColumnOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "What the rows' columns are, such as prompt=ask,response=reply; ROLE is "
        + RowColumns.Role.allCases.map(\.rawValue).joined(separator: ", ") + " (found by looking).",
      valueName: "role=column"))
  var columns: [String] = []

  func validate() throws {
    do { _ = try parsed } catch let error as ColumnsError { throw ValidationError("\(error)") }
  }

  var parsed: RowColumns {
    get throws { try RowColumns(joining: columns.map { try RowColumns(parsing: $0) }) }
  }

  /// Reads a set into memory and says once what of it is not taken as it stands.
  /// - Parameter encoder: of the base that the rows are for, if they are for one
  func dataset(_ path: String, for encoder: RowEncoder? = nil) throws -> Dataset {
    let set = try Dataset(contentsOf: path, columns: parsed, for: encoder)
    for note in set.notes { Console.note(note) }
    return set
  }

  /// The prompts of a file, which need no responses; says once what of it is not taken as it stands.
  func prompts(_ path: String, for encoder: RowEncoder? = nil) throws -> [PromptRows.Row] {
    let found = try PromptRows(contentsOf: path, columns: parsed, for: encoder)
    for note in found.notes { Console.note(note) }
    return found.rows
  }
}
