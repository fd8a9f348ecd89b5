import Foundation
import MotetFormats

/// A comparison as `comparison.json` holds it: what it is of, and a row for each method.
public struct ComparisonTable: Sendable, Equatable, KeptTable {
  /// What all rows share and the jobs do not say: the base, the plain text, what is generated.
  public var settings: [String: String]
  public var base: ComparedBase
  public var rows: [ComparisonRow]

  /// The names of its files.
  static let file = "comparison.json"
  static let otherFiles = ["comparison.md", "comparison.html"]

  static func damaged(_ file: String) -> any Error { ComparisonError.damaged(file: file) }

  init(settings: [String: String], base: ComparedBase) {
    self.settings = settings
    self.base = base
    rows = []
  }

  /// Writes it for going on and for reading: `comparison.json`, `comparison.md` and `comparison.html`.
  func write(to folder: URL, command: String) throws {
    let report = ComparisonReport(self, command: command)
    try keep(in: folder)
    try AtomicFile.write(Data(report.markdown().utf8), to: folder.appending(path: "comparison.md"))
    try AtomicFile.write(Data(report.page().html().utf8), to: folder.appending(path: "comparison.html"))
  }

  /// What another comparison has otherwise, in words; empty when it goes on with this one. Methods may be added.
  func differences(from now: ComparisonTable) -> [String] {
    var found = settingDifferences(settings, now.settings)
    var told = Set<String>()
    for row in now.rows {
      guard let old = rows.first(where: { $0.name == row.name }) else { continue }
      // What every method has otherwise is said once.
      for difference in settingDifferences(old.settings, row.settings) where told.insert(difference).inserted
      {
        found.append("\(row.name): \(difference)")
      }
    }
    return found
  }
}

/// What keeps a comparison from beginning.
public enum ComparisonError: Error, Equatable, CustomStringConvertible {
  case nothing
  case noPlainText
  case needsValidation(job: String)
  case holdsOther(folder: String, what: [String])
  case damaged(file: String)
  case notCompared(option: String)
  case optionOfNone(String, methods: [String])
  case tokens(Int)

  public var description: String {
    switch self {
    case .nothing: "there is no method to compare: give --methods all, or some of them between commas"
    case .noPlainText: "the plain text has no rows: leave --plain out, or give a file that has some"
    case .needsValidation(let job):
      "\(job): a comparison needs rows that are not trained on: add --eval FILE or --validation SHARE"
    case .holdsOther(let folder, let what):
      "\(folder) holds another comparison: \(what.joined(separator: "; ")); set it as it was, choose another "
        + "--output, or begin anew with --overwrite"
    case .damaged(let file): "\(file) cannot be read: remove it, or begin anew with --overwrite"
    case .notCompared(let option):
      "--\(option) says nothing in a comparison, where each method is trained alone on the same rows: leave it out"
    case .optionOfNone(let option, let methods):
      "--\(option) is an option of none of \(methods.joined(separator: ", ")): leave it out, or add a method that has it"
    case .tokens(let count): "--tokens \(count) cannot be: give at least 2, to time one after another"
    }
  }
}
