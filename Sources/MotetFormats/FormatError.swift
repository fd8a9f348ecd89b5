import Foundation

/// What went wrong with a file: which one, where in it, and what to do about it.
///
/// Every `description` is one line without control characters, whatever the file contained.
public enum FormatError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file cannot be opened, mapped or read.
  case unreadable(file: String, reason: String)
  /// The file cannot be written; the old one, if any, still stands.
  case unwritable(file: String, reason: String)
  /// The file breaks its own format, or lies about itself.
  case malformed(file: String, place: String, problem: String, mend: String)
  /// The file is sound, but asks for something that would change its meaning if we ignored it.
  case unsupported(file: String, place: String, feature: String, mend: String)
  /// A tensor that was asked for is not there.
  case noSuchTensor(file: String, name: String)

  public var description: String {
    switch self {
    case .unreadable(let file, let reason): "\(file): \(reason)"
    case .unwritable(let file, let reason): "\(file): not written: \(reason)"
    case .malformed(let file, let place, let problem, let mend):
      "\(file): \(place): \(problem); \(mend)"
    case .unsupported(let file, let place, let feature, let mend):
      "\(file): \(place): \(feature) is not supported; \(mend)"
    case .noSuchTensor(let file, let name):
      "\(file): there is no tensor \(quoted(name)); check that the file holds the model you mean"
    }
  }
}

/// A name from a file as it may stand in an error: on one line, shortened, in quotation marks.
package func quoted(_ name: String) -> String {
  var result = "'"
  for (index, scalar) in name.unicodeScalars.enumerated() {
    if index == 120 {
      result += "…"
      break
    }
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse:
      result += "\\u{" + String(scalar.value, radix: 16) + "}"
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "'"
}

/// The mend for a file that arrived damaged.
let fetchAgain = "the file is damaged: fetch or make it again"

/// The mend for a file that ends before what its header promises.
let fetchWhole = "the file ends too early, as after a broken download: fetch it again"

/// `errno` as words, with a hint where the number alone does not help.
package func systemReason(_ code: Int32) -> String {
  switch code {
  case ENOENT: "no such file or folder; check the path"
  case EACCES, EPERM: "permission denied; check who owns it"
  case ENOSPC: "the disk is full; free some space and run again"
  case EDQUOT: "the disk quota is used up; free some space and run again"
  case EFBIG: "the file would be larger than this disk or process may write"
  case EROFS: "the disk is read-only; choose another place"
  case EISDIR: "it is a folder, not a file"
  case ENOTDIR: "a part of the path is a file, not a folder"
  default: String(cString: strerror(code))
  }
}
