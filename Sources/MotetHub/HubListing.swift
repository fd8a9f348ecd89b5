import Foundation
import MotetFormats
import MotetModels
import NIOHTTP1

/// One file of a repository.
struct HubFile: Sendable, Hashable {
  /// From the repository's root, with `/` between folders.
  var path: String
  /// In bytes.
  var size: Int
  /// nil if the listing tells neither hash.
  var digest: HubDigest?
}

/// What a repository holds at one commit. Nothing in it leads out of the folder that it is put into.
struct HubListing: Sendable {
  let commit: String
  private(set) var files: [HubFile] = []
  private var paths = Set<String>()
  private let repository: String

  /// More files than any model has.
  static let maximumFiles = 100_000
  /// In bytes; a page lists a thousand files.
  static let maximumPage = 16 << 20

  init(commit: String, repository: String) {
    self.commit = commit
    self.repository = repository
  }

  /// Reads one page of `/tree`.
  /// - Returns: how many entries it has, folders among them
  /// - Throws: ``HubError/badListing(repository:problem:)``, `FormatError` for what is not JSON
  mutating func add(page reader: inout JSONReader) throws -> Int {
    var count = 0
    try reader.array { reader in
      guard files.count < Self.maximumFiles else { throw bad("it has more than \(Self.maximumFiles) files") }
      count += 1
      if let file = try Self.file(reader.value(), bad) { try add(file) }
    }
    return count
  }

  /// - Throws: ``HubError/badListing(repository:problem:)`` for a path that leads elsewhere, or a size that is none
  mutating func add(_ file: HubFile) throws {
    guard Self.isSafe(file.path) else { throw bad("it names the path \(quoted(file.path))") }
    guard (0...(1 << 50)).contains(file.size) else {
      throw bad("\(quoted(file.path)) has a size of \(file.size) bytes")
    }
    guard paths.insert(file.path).inserted else { throw bad("it names \(quoted(file.path)) twice") }
    files.append(file)
  }

  /// The file at `path`; nil if there is none.
  func file(_ path: String) -> HubFile? { paths.contains(path) ? files.first { $0.path == path } : nil }

  private func bad(_ problem: String) -> HubError { .badListing(repository: repository, problem: problem) }

  /// nil for a folder.
  private static func file(_ value: JSONValue, _ bad: (String) -> HubError) throws -> HubFile? {
    guard case .object(let members) = value, let path = members["path"]?.stringValue else {
      throw bad("an entry has no path")
    }
    guard members["type"]?.stringValue != "directory" else { return nil }
    var large: [String: JSONValue]?
    if case .object(let members)? = members["lfs"] { large = members }
    guard let size = (large?["size"] ?? members["size"])?.intValue else {
      throw bad("\(quoted(path)) has no size")
    }
    let hash = (large?["oid"] ?? large?["sha256"])?.stringValue.flatMap(HubDigest.sha256(of:))
    // The hash that Git has of a large file is that of its pointer.
    let blob = large == nil ? members["oid"]?.stringValue.flatMap(HubDigest.git(of:)) : nil
    return HubFile(path: path, size: size, digest: hash ?? blob)
  }

  /// Whether the path stays in its folder on every system, and fits one.
  private static func isSafe(_ path: String) -> Bool {
    guard (1...1024).contains(path.utf8.count), !path.contains("\\"),
      path.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F })
    else { return false }
    return path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
      !part.isEmpty && part != "." && part != ".." && part.utf8.count <= 255
    }
  }
}

extension HubTransport {
  /// Asks for the commit of `revision` and for all files that it has.
  /// - Throws: ``HubError``, `CancellationError`
  func listing(_ address: HubAddress, revision: String) async throws -> HubListing {
    let info = try await get(
      address.revision(revision), limit: HubListing.maximumPage * 2, revision: revision)
    let commit = try reading(info) { reader -> String? in
      var commit: String?
      try reader.object { reader, name in
        if name == "sha" { commit = try reader.value().stringValue } else { _ = try reader.value() }
      }
      return commit
    }
    guard let commit, HubCache.isCommit(commit) else {
      throw HubError.notJSON(address: Self.place(info.url), problem: "it names no commit")
    }
    var (listing, query) = (HubListing(commit: commit, repository: repository), String?.none)
    var queries = Set<String>()
    repeat {
      let page = try await get(
        address.tree(commit, query: query), limit: HubListing.maximumPage, revision: revision)
      let count = try reading(page) { try listing.add(page: &$0) }
      query = Self.nextQuery(page.headers)
      if let query, count == 0 || !queries.insert(query).inserted {
        throw HubError.badListing(repository: repository, problem: "its pages never end")
      }
    } while query != nil
    return listing
  }

  /// The query of the page that `Link: <…?cursor=…>; rel="next"` names; host and path stay those of the hub.
  static func nextQuery(_ headers: HTTPHeaders) -> String? {
    for link in headers[canonicalForm: "Link"] {
      let parts = link.split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces) }
      guard let address = parts.first, address.hasPrefix("<"), address.hasSuffix(">"),
        parts.dropFirst().contains(where: { $0 == "rel=\"next\"" || $0 == "rel=next" }),
        let mark = address.firstIndex(of: "?")
      else { continue }
      let query = address[address.index(after: mark)...].dropLast()
      if !query.isEmpty, query.utf8.count <= 4096 { return String(query) }
    }
    return nil
  }

  private struct Page {
    let data: Data
    let headers: HTTPHeaders
    let url: URL
  }

  private func get(_ url: URL, limit: Int, revision: String) async throws -> Page {
    try await HubRetries.run(settings.patience) {
      let response = try await send(.GET, url)
      guard response.status == 200 else {
        await response.drain()
        throw failure(response, revision: revision)
      }
      return Page(
        data: try await collect(response, limit: limit), headers: response.headers, url: response.url)
    }
  }

  private func reading<Result>(_ page: Page, _ body: (inout JSONReader) throws -> Result) throws -> Result {
    let place = Self.place(page.url)
    do {
      return try page.data.withUnsafeBytes { bytes in
        try ForeignContent.refuse(bytes, file: place)
        var reader = JSONReader(bytes, file: place)
        let result = try body(&reader)
        try reader.end()
        return result
      }
    } catch let error as FormatError {
      guard case .malformed(_, let byte, let problem, _) = error else { throw error }
      throw HubError.notJSON(address: place, problem: "\(byte): \(problem)")
    }
  }
}
