import Foundation

/// Where a path leads to in the end: links are followed, so that what is written through one leaves it a link, and the
/// last part need not be there yet.
package enum OutputPath {
  /// - Throws: ``FormatError/unwritable(file:reason:)`` for links that lead to one another
  package static func resolved(_ path: String) throws -> String { try resolved(path, links: 0, as: path) }

  private static func resolved(_ path: String, links: Int, as asked: String) throws -> String {
    if let found = realpath(path, nil) {
      defer { free(found) }
      return String(cString: found)
    }
    guard errno == ENOENT || errno == ENOTDIR, links < 40 else {
      throw FormatError.unwritable(
        file: asked,
        reason: errno == ELOOP || links >= 40 ? "its links lead to one another" : systemReason(errno))
    }
    let trimmed = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    guard trimmed.count == path.count else { return try resolved(trimmed, links: links, as: asked) }
    let (parent, name) = parts(of: path)
    // A link to what is not there yet: that is what gets made.
    if let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path) {
      return try resolved(target.hasPrefix("/") ? target : parent + "/" + target, links: links + 1, as: asked)
    }
    let above = try resolved(parent, links: links + 1, as: asked)
    switch name {
    case ".": return above
    case "..": return parts(of: above).parent
    default: return above == "/" ? "/" + name : above + "/" + name
    }
  }

  /// `("a/b", "c")` of `a/b/c`; a name alone stands in `.`.
  static func parts(of path: String) -> (parent: String, name: String) {
    guard let slash = path.lastIndex(of: "/") else { return (".", path) }
    let parent = path[..<slash]
    return (parent.isEmpty ? "/" : String(parent), String(path[path.index(after: slash)...]))
  }

  /// Makes a folder and those above it.
  /// - Returns: those that were made, the deepest last
  /// - Throws: ``FormatError/unwritable(file:reason:)``
  static func makeFolder(_ path: String) throws -> [String] {
    if mkdir(path, 0o777) == 0 { return [path] }
    let reason = errno
    var found = stat()
    if reason == EEXIST, stat(path, &found) == 0 {
      guard found.st_mode & S_IFMT == S_IFDIR else {
        throw FormatError.unwritable(file: path, reason: "it is a file, not a folder")
      }
      return []
    }
    let parent = parts(of: path).parent
    guard reason == ENOENT, parent != path else {
      throw FormatError.unwritable(file: path, reason: systemReason(reason))
    }
    let made = try makeFolder(parent)
    return made + (try makeFolder(path))
  }
}
