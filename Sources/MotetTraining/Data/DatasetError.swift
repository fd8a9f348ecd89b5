import Foundation

/// Why rows cannot be read.
public enum DatasetError: Error, Equatable, CustomStringConvertible {
  case unreadable(file: String)
  case notUTF8(file: String, line: Int)
  case empty(file: String)
  case malformed(file: String, line: Int, problem: String)
  case tooLong(file: String, line: Int, tokens: Int, limit: Int)
  case nothingToLearn(file: String, line: Int)
  /// A device or a socket.
  case notAFile(file: String)
  /// A format that is not read, and what to do instead.
  case format(file: String, format: String, instead: String)
  /// A folder without `.md` and `.txt` files; `found` is what else is there.
  case noDocuments(folder: String, found: String)
  /// A compressed file that does not decompress.
  case damaged(file: String, problem: String)
  /// An object with several lists of rows.
  case severalLists(file: String, names: [String])
  case cannotCopy(file: String, folder: String, problem: String)
  case changed(file: String)
  case weight(file: String, value: Double)
  /// Rounded, the weight takes none of the file's rows.
  case weightTakesNothing(file: String, value: Double, rows: Int)
  case maximumLength(value: Int, context: Int)
  case validationShare(value: Double)
  case cannotSplit(rows: Int, share: Double)
  case unknownField(name: String, file: String, found: [String])
  case tooManyGroups(field: String, limit: Int)

  public var description: String {
    switch self {
    case .unreadable(let file): "cannot read \(file): check the path"
    case .empty(let file): "\(file) has no rows"
    case .malformed(let file, let line, _), .tooLong(let file, let line, _, _),
      .nothingToLearn(let file, let line), .notUTF8(let file, let line):
      "\(file), row \(line): \(problem)"
    case .notAFile(let file):
      "\(file) is a device: give a file, a folder of texts, a pipe, or - for standard input"
    case .format(let file, let format, let instead):
      "\(file) is \(format), which is not read as rows (JSONL, JSON, CSV, TSV and text are, plain or gzip): \(instead)"
    case .noDocuments(let folder, let found):
      "\(folder) is a folder without .md or .txt files"
        + (found.isEmpty ? "" : " (it has \(found))") + ": name a file of rows in it, or a folder of texts"
    case .damaged(let file, let problem):
      "\(file) does not decompress (\(problem)): fetch or write it again"
    case .severalLists(let file, let names):
      "\(file) holds several lists (\(names.joined(separator: ", "))): write one to a file of its own, such as "
        + "jq -c '.\(names.first ?? "data")[]' \(file) > rows.jsonl"
    case .cannotCopy(let file, let folder, let problem):
      "\(file) is copied to \(folder) to be read, and that failed: \(problem); set TMPDIR to a folder with room"
    case .changed(let file):
      "\(file) changed while it was in use: start again, and leave the file alone until the end"
    case .weight(let file, let value):
      "\(file) cannot have the weight \(value): give a number above 0 and at most \(WeightedFile.largestWeight)"
    case .weightTakesNothing(let file, let value, let rows):
      "\(file)=\(value): this weight takes none of the file's \(rows) \(rows == 1 ? "row" : "rows") in an epoch; "
        + "give at least \(Self.leastWeight(rows: rows)), or leave the file out"
    case .maximumLength(let value, let context):
      "rows cannot be cut to \(value) tokens: give --max-length 2 to \(context), the model's context"
    case .validationShare(let value):
      "a validation share of \(value) cannot be: give a number between 0 and 1, such as 0.05"
    case .cannotSplit(let rows, let share):
      "\(rows) rows cannot be split with a share of \(share): one side would have no rows; "
        + "duplicates of a row always stay together"
    case .unknownField(let name, let file, let found):
      "no row of \(file) has the field \"\(name)\": the first has \(found.joined(separator: ", "))"
    case .tooManyGroups(let field, let limit):
      "the field \"\(field)\" has more than \(limit) different values: name one that puts rows in groups"
    }
  }

  /// The least weight of two digits that takes one row of so many.
  private static func leastWeight(rows: Int) -> Double {
    let exact = 0.5 / Double(rows)
    let scale = pow(10, (-log10(exact)).rounded(.up) + 1)
    return (exact * scale).rounded(.up) / scale
  }

  /// What is wrong with the row, without the file and the line.
  var problem: String {
    switch self {
    case .notUTF8: "it is not UTF-8 text: convert the file (iconv -f LATIN1 -t UTF-8)"
    case .malformed(_, _, let problem): problem
    case .tooLong(_, _, let tokens, let limit):
      "\(tokens) tokens, and the model's context is \(limit); shorten it, or cut rows to train on with --max-length"
    case .nothingToLearn:
      "no token of a response is left to learn from; shorten the prompt or raise --max-length"
    default: description
    }
  }

  /// The same for rows that are left out: alike for all rows with the same fault, so that they can be counted.
  var kindOfProblem: String {
    switch self {
    case .tooLong(_, _, _, let limit): "longer than the model's context of \(limit) tokens"
    case .nothingToLearn: "no token of a response is left to learn from"
    default: problem
    }
  }

  /// Whether it is the fault of one row, so that the others can be used without it.
  var isOfOneRow: Bool {
    switch self {
    case .notUTF8, .malformed, .tooLong, .nothingToLearn: true
    default: false
    }
  }
}
