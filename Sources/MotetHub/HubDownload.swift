import AsyncHTTPClient
import Foundation
import MotetFormats
import NIOCore
import NIOHTTP1

/// The transfer of one file into the cache: begun, broken off, gone on with, checked.
struct HubDownload {
  let transport: HubTransport
  let store: HubStore
  let file: HubFile
  let digest: HubDigest
  let url: URL
  /// For errors.
  let revision: String

  /// Fetches what is missing of the file, checks it and gives it its place among the blobs.
  /// - Throws: ``HubError``, `CancellationError`; what arrived stays for the next pull, unless it is wrong
  func run(_ meter: inout ProgressMeter) async throws {
    let lock = try await HubLock.take(store.lock(digest))
    defer { withExtendedLifetime(lock) {} }
    // Another process may have fetched it meanwhile.
    if let there = try? FileManager.default.attributesOfItem(atPath: store.blob(digest).path)[.size] as? Int,
      there == file.size
    {
      return meter.add(file.size)
    }
    let partial = try PartialFile(store.unfinished(digest), digest, size: file.size)
    meter.add(partial.count)
    var retries = HubRetries(transport.settings.patience)
    var isSecond = false
    while true {
      let before = partial.count
      do {
        if partial.count < file.size { try await transfer(into: partial, &meter) }
        guard let found = partial.wrongHash else { break }
        try judge(partial, found, isLast: isSecond || !partial.isResumed)
        // The bytes of several answers did not fit together: all of them come once more.
        isSecond = true
        try restart(partial, &meter)
      } catch {
        // A page in place of a file, or a file of another length, must not be gone on with.
        if let error = error as? HubError, error.isAboutContent { partial.remove() }
        try await retries.pause(after: error, isProgress: partial.count - before >= 1 << 20)
      }
    }
    try partial.install(at: store.blob(digest))
  }

  /// Throws what is wrong with a whole file of another hash than it must have.
  private func judge(_ partial: PartialFile, _ found: String, isLast: Bool) throws {
    if let problem = partial.foreign { throw HubError.foreign(file: file.path, problem: problem) }
    if isLast { throw HubError.wrongHash(file: file.path, expected: digest.name, found: found) }
  }

  private func restart(_ partial: PartialFile, _ meter: inout ProgressMeter) throws {
    meter.add(-partial.count)
    try partial.restart()
  }

  /// Asks for the rest of the file, or for all of it, and appends what comes.
  private func transfer(into partial: PartialFile, _ meter: inout ProgressMeter) async throws {
    var headers = HTTPHeaders()
    if partial.count > 0 {
      headers.add(name: "Range", value: "bytes=\(partial.count)-")
      // Only the server that gave the tag knows it; the hash judges the bytes of an earlier pull.
      if let tag = partial.entityTag { headers.add(name: "If-Range", value: tag) }
    }
    let response = try await transport.send(.GET, url, headers: headers)
    let place = HubTransport.place(response.url)
    switch response.status {
    case 200:
      if partial.count > 0 { try restart(partial, &meter) }
      if let length = response.headers.first(name: "Content-Length").flatMap(Int.init), length != file.size {
        throw try await otherFile(response, length: length)
      }
    case 206:
      guard Self.goesOn(response.headers, at: partial.count, of: file.size), isSame(partial, response) else {
        try restart(partial, &meter)
        throw HubError.broken(address: place, reason: "it sent another part than was asked for")
      }
      partial.goOn()
    case 416:
      await response.drain()
      try restart(partial, &meter)
      throw HubError.broken(address: place, reason: "it does not have the part that was asked for")
    default:
      await response.drain()
      throw transport.failure(response, path: file.path, revision: revision)
    }
    partial.entityTag = response.headers.first(name: "ETag").flatMap { $0.hasPrefix("\"") ? $0 : nil }
    try await receive(response, into: partial, &meter)
    guard partial.count == file.size else {
      if let problem = partial.foreign { throw HubError.foreign(file: file.path, problem: problem) }
      throw HubError.broken(address: place, reason: "it ended after \(partial.count) of \(file.size) bytes")
    }
  }

  private func receive(
    _ response: HubTransport.Response, into partial: PartialFile, _ meter: inout ProgressMeter
  ) async throws {
    do {
      for try await chunk in response.body {
        guard partial.count + chunk.readableBytes <= file.size else {
          if let problem = partial.foreign { throw HubError.foreign(file: file.path, problem: problem) }
          throw HubError.wrongSize(
            file: file.path, expected: file.size, found: partial.count + chunk.readableBytes)
        }
        try chunk.withUnsafeReadableBytes { try partial.append($0) }
        meter.fetched(chunk.readableBytes, of: file.path)
      }
    } catch let error as HubError { throw error } catch {
      throw NetworkFailure.error(error, url: response.url, proxy: nil, isBody: true)
    }
    // A cancelled sequence ends as if it were complete.
    try Task.checkCancellation()
  }

  /// What the error is when another number of bytes is announced than the file has.
  private func otherFile(_ response: HubTransport.Response, length: Int) async throws -> HubError {
    var head: [UInt8] = []
    for try await chunk in response.body {
      head.append(contentsOf: chunk.readableBytesView.prefix(512))
      if head.count >= 64 { break }
    }
    if let problem = head.withUnsafeBytes({ ForeignContent.recognize($0)?.problem }) {
      return .foreign(file: file.path, problem: problem)
    }
    return .wrongSize(file: file.path, expected: file.size, found: length)
  }

  /// A file without a hash is gone on with only if the server calls it the same.
  private func isSame(_ partial: PartialFile, _ response: HubTransport.Response) -> Bool {
    guard case .entityTag = digest, partial.entityTag == nil else { return true }
    return HubDigest.of(linkedTag: response.linkedTag, entityTag: response.headers.first(name: "ETag"))
      == digest
  }

  /// Whether `Content-Range: bytes 100-199/200` begins at `start` and is of a file of `size` bytes.
  private static func goesOn(_ headers: HTTPHeaders, at start: Int, of size: Int) -> Bool {
    let range = (headers.first(name: "Content-Range") ?? "").split(separator: " ")
    guard range.count == 2, range[0] == "bytes" else { return false }
    let parts = range[1].split(separator: "/")
    guard parts.count == 2, let first = parts[0].split(separator: "-").first.flatMap({ Int($0) }) else {
      return false
    }
    return first == start && (parts[1] == "*" || Int(parts[1]) == size)
  }
}

extension HubError {
  /// Whether what arrived is not the file.
  fileprivate var isAboutContent: Bool {
    switch self {
    case .wrongSize, .wrongHash, .foreign: true
    default: false
    }
  }
}
