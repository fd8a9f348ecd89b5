import Foundation
import MotetFormats

/// A repository of the Hugging Face hub, and which state of it.
///
///     try HubName(parsing: "HuggingFaceTB/SmolLM2-360M")                 // main
///     try HubName(parsing: "HuggingFaceTB/SmolLM2-360M@refs/pr/1")
///     try HubName(parsing: "https://huggingface.co/HuggingFaceTB/SmolLM2-360M/tree/v1")
///
/// Every part is safe as a part of a path and of an address. Source: huggingface_hub, `validate_repo_id`.
public struct HubName: Sendable, Hashable, CustomStringConvertible {
  /// `ORG/NAME`.
  public let repository: String
  /// A branch, a tag, `refs/pr/1` or a commit; nil if none was named.
  public let revision: String?

  /// What a hub calls the newest state.
  public static let defaultRevision = "main"

  /// - Throws: ``HubNameError``
  public init(repository: String, revision: String? = nil) throws {
    let parts = repository.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ Self.isPart(String($0)) }) else {
      throw HubNameError.notAName(repository)
    }
    if let revision, !Self.isRevision(revision) { throw HubNameError.notARevision(revision) }
    self.repository = repository
    self.revision = revision
  }

  /// Reads `ORG/NAME`, `ORG/NAME@REVISION` or the address of a repository's page.
  /// - Throws: ``HubNameError``
  public init(parsing text: String) throws {
    if let scheme = text.range(of: "://") {
      self = try Self.page(text, path: text[scheme.upperBound...])
      return
    }
    let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard let repository = parts.first else { throw HubNameError.notAName(text) }
    try self.init(repository: repository, revision: parts.count > 1 ? parts[1] : nil)
  }

  /// `ORG/NAME`, with `@REVISION` if one was named.
  public var description: String { repository + (revision.map { "@\($0)" } ?? "") }

  /// Reads the path after `https://`: `HOST/ORG/NAME`, and `/tree/REVISION` after it.
  private static func page(_ text: String, path: Substring) throws -> HubName {
    let address = path.prefix { $0 != "?" && $0 != "#" }
    let parts = address.split(separator: "/").dropFirst().map { $0.removingPercentEncoding ?? String($0) }
    guard parts.count >= 2 else { throw HubNameError.notAName(text) }
    if ["datasets", "spaces", "collections", "papers", "api", "models"].contains(parts[0]) {
      throw HubNameError.otherPage(text)
    }
    let repository = "\(parts[0])/\(parts[1])"
    guard parts.count > 2 else { return try HubName(repository: repository) }
    let rest = parts.dropFirst(3)
    switch parts[2] {
    case "tree" where !rest.isEmpty:
      return try HubName(repository: repository, revision: rest.joined(separator: "/"))
    case "blob", "resolve", "raw":
      throw HubNameError.file(repository: repository, file: rest.dropFirst().joined(separator: "/"))
    default: throw HubNameError.otherPage(text)
    }
  }

  private static func isPart(_ part: String) -> Bool {
    (1...96).contains(part.utf8.count) && part.utf8.allSatisfy(isWordByte)
      && !part.hasPrefix(".") && !part.hasPrefix("-") && !part.hasSuffix(".") && !part.hasSuffix("-")
      && !part.contains("..") && !part.contains("--") && !part.hasSuffix(".git")
  }

  /// Whether `revision` may be a file's path below `refs`, as Git itself asks of its references.
  private static func isRevision(_ revision: String) -> Bool {
    (1...200).contains(revision.utf8.count)
      && revision.utf8.allSatisfy { isWordByte($0) || $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "+") }
      && revision.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
        !part.isEmpty && !part.hasPrefix(".") && !part.hasSuffix(".") && !part.contains("..")
          && !part.hasSuffix(".lock")
      }
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
      true
    default: false
    }
  }
}

/// Why a text names no repository of the hub.
public enum HubNameError: Error, Equatable, CustomStringConvertible {
  case notAName(String)
  case notARevision(String)
  /// The address of something else than a model.
  case otherPage(String)
  /// The address of one file.
  case file(repository: String, file: String)

  public var description: String {
    switch self {
    case .notAName(let text):
      "\(quoted(text)) is not a name of the hub: give ORG/NAME or ORG/NAME@REVISION, such as "
        + "HuggingFaceTB/SmolLM2-135M-Instruct"
    case .notARevision(let text):
      "\(quoted(text)) is not a revision: give a branch, a tag, refs/pr/1 or a commit after the @"
    case .otherPage(let text):
      "\(quoted(text)) is not the page of a model: give the address of one, such as "
        + "https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct"
    case .file(let repository, let file):
      file.lowercased().hasSuffix(".gguf")
        ? "that is the address of one file: motet pull \(repository) --gguf \(quoted(file)) fetches it"
        : "that is the address of one file: motet pull \(repository) fetches the model"
    }
  }
}
