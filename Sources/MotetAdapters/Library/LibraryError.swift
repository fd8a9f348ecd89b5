import Foundation

/// What can go wrong with the adapter library.
public enum LibraryError: Error, Equatable, CustomStringConvertible {
  case invalidName(name: String, problem: String)
  case unknownName(name: String, near: [String], known: [String], root: String)
  case emptyLibrary(asked: String, root: String)
  case unknownVersion(name: String, version: Int, available: [Int])
  case pinned(String)
  case carries(String, child: String)
  case incomplete(folder: String, missing: String)
  case fileSystem(doing: String, path: String, reason: String)

  public var description: String {
    switch self {
    case .invalidName(let name, let problem):
      "'\(printable(name))' is no name for an adapter: \(problem)"
    case .unknownName(let name, let near, let known, let root):
      "no adapter '\(name)' in \(root); "
        + (near.isEmpty
          ? "there are \(list(known))" : "did you mean \(near.joined(separator: " or "))?")
    case .emptyLibrary(let asked, let root):
      "no adapter '\(asked)': the library \(root) is empty; "
        + "train one with motet train, or name the folder of one, such as ./\(asked)"
    case .unknownVersion(let name, let version, let available):
      "no version \(version) of adapter '\(name)'; there are \(list(available.map(String.init)))"
    case .pinned(let name):
      "\(name) is pinned and stays; unpin it, or remove it with --force"
    case .carries(let name, let child):
      "\(child) stands on \(name): remove that one first, or remove this one with --force"
    case .incomplete(let folder, let missing):
      "\(folder): \(missing) was not written, so the adapter was not added"
    case .fileSystem(let doing, let path, let reason):
      "\(path): cannot \(doing): \(reason)"
    }
  }

  private func list(_ names: [String]) -> String {
    names.prefix(8).joined(separator: ", ") + (names.count > 8 ? ", … (\(names.count))" : "")
  }
}

/// A user's text as it may stand in an error: on one line and not endless.
func printable(_ text: String) -> String {
  let line = text.unicodeScalars.prefix(80).map { scalar in
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator:
      "\\u{\(String(scalar.value, radix: 16))}"
    default: String(scalar)
    }
  }
  return line.joined() + (text.unicodeScalars.count > 80 ? "…" : "")
}
