import Foundation
import MotetFormats

/// What a user calls an adapter by: a name of the library or a folder.
public enum AdapterReference: Sendable, Hashable {
  case library(AdapterName)
  /// As it was written.
  case folder(path: String)

  /// A text with a "/" in it is a folder, and so are "." and "..", with "~/" for the home folder; anything
  /// else is a name.
  ///
  /// - Throws: `LibraryError.invalidName`.
  public init(parsing text: String) throws {
    if text.contains("/") || text == "." || text == ".." {
      guard !text.contains("\0") else {
        throw LibraryError.invalidName(name: text, problem: "a path holds no zero byte")
      }
      self = .folder(path: text)
    } else {
      self = .library(try AdapterName(parsing: text))
    }
  }

  /// The folder with the adapter's files.
  ///
  /// If a named folder holds no adapter itself, the only folder below it that holds one is taken.
  ///
  /// - Throws: `LibraryError` for a name, `MixError.noFolder` for a path, `FormatError` for a path with several below.
  public func folder(in library: AdapterLibrary) throws -> URL {
    switch self {
    case .library(let name): return try library.resolve(name).folder
    case .folder(let path): return try AdapterPlace.find(in: Self.named(path))
    }
  }

  /// Where below the named folder the adapter lies, such as `checkpoint-500`; nil where it lies in the folder itself.
  ///
  /// - Throws: as ``folder(in:)``
  public func subfolder() throws -> String? {
    guard case .folder(let path) = self else { return nil }
    let named = try Self.named(path)
    let found = try AdapterPlace.find(in: named)
    return found.path == named.path ? nil : String(found.path.dropFirst(named.path.count + 1))
  }

  private static func named(_ path: String) throws -> URL {
    let expanded =
      path.hasPrefix("~/")
      ? FileManager.default.homeDirectoryForCurrentUser.path + path.dropFirst() : path
    OwnedFolder.putBack(expanded)
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: expanded, isDirectory: &isFolder)
    guard exists, isFolder.boolValue else { throw MixError.noFolder(path: path, isFile: exists) }
    return URL(fileURLWithPath: expanded, isDirectory: true)
  }
}

extension AdapterReference: CustomStringConvertible {
  /// As it stands in a mix, with "+", "=" and "\" of a path escaped.
  public var description: String {
    switch self {
    case .library(let name): name.description
    case .folder(let path):
      // By scalars, as a mix is read.
      path.unicodeScalars.map { "+=\\".unicodeScalars.contains($0) ? "\\\($0)" : "\($0)" }.joined()
    }
  }
}
