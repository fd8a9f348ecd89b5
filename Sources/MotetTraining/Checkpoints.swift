import Foundation
import MotetFormats

/// When a run is written to the disk while it goes, and where.
public struct Checkpoints: Sendable {
  /// Holds one folder for the newest checkpoint, `step-40`.
  public var folder: URL
  /// Steps between two; nil does not count them.
  public var everySteps: Int?
  /// Seconds between two; nil does not look at the clock.
  public var everySeconds: Double?
  public var start: Start
  /// Leaves them where they are when the run is over, for who has more to save than the run has.
  var staysAtEnd = false

  /// What a run does with a checkpoint that is there when it begins.
  public enum Start: Sendable {
    /// Refuses to begin: nobody's work is lost by mistake.
    case fresh
    /// Goes on from it; begins anew where there is none.
    case resume
    /// Removes it.
    case overwrite
  }

  public init(
    folder: URL, everySteps: Int? = nil, everySeconds: Double? = 600, start: Start = .fresh
  ) {
    self.folder = folder
    self.everySteps = everySteps
    self.everySeconds = everySeconds
    self.start = start
  }

  func validate() throws {
    if let everySteps, everySteps < 1 {
      throw TrainingError.option(
        name: "checkpoint-every", value: "\(everySteps)", mend: "give at least 1 step")
    }
    if let everySeconds, !(everySeconds > 0) {
      throw TrainingError.option(
        name: "checkpoint-minutes", value: "\(everySeconds / 60)", mend: "give a positive number")
    }
  }

  /// The newest whole checkpoint and its step; nil when there is none.
  public func newest() -> (step: Int, folder: URL)? {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    let steps = names.compactMap { name in name.hasPrefix("step-") ? Int(name.dropFirst(5)) : nil }
    return steps.max().map { ($0, folder.appending(path: "step-\($0)")) }
  }

  /// Writes a checkpoint aside, forces it to the disk, renames it into place and only then removes the older one:
  /// whenever the process is killed, one whole checkpoint is there.
  /// - Throws: `FormatError`, with its own words for a full disk; the older checkpoint then stays
  @discardableResult
  func write(step: Int, _ content: (URL) throws -> Void) throws -> URL {
    let manager = FileManager.default
    let place = folder.appending(path: "step-\(step)")
    if manager.fileExists(atPath: place.path) { return place }
    let draft = folder.appending(path: ".writing-\(UUID().uuidString)")
    do { try manager.createDirectory(at: draft, withIntermediateDirectories: true) } catch {
      throw FormatError.unwritable(file: draft.path, reason: error.localizedDescription)
    }
    defer { try? manager.removeItem(at: draft) }
    try content(draft)
    try Self.sync(draft)
    guard rename(draft.path, place.path) == 0 else {
      throw FormatError.unwritable(file: place.path, reason: String(cString: strerror(errno)))
    }
    try Self.sync(folder)
    for name in (try? manager.contentsOfDirectory(atPath: folder.path)) ?? []
    where name != place.lastPathComponent && (name.hasPrefix("step-") || name.hasPrefix(".writing-")) {
      discard(name)
    }
    return place
  }

  static let lockFile = ".lock"

  /// Refuses a folder that holds what no run wrote: other tools keep checkpoints of that name too.
  /// - Throws: ``TrainingError/holdsOther(folder:file:)``
  func requireOwn() throws {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    guard let other = names.sorted().first(where: { !isOwn($0) }) else { return }
    throw TrainingError.holdsOther(folder: folder.relativePath, file: other)
  }

  private func isOwn(_ name: String) -> Bool {
    if name == Self.lockFile || name.hasPrefix(".writing-") { return true }
    guard name.hasPrefix("step-"), Int(name.dropFirst(5)) != nil else { return false }
    let place = folder.appending(path: name)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: place.path)) ?? []
    return names.isEmpty || names.contains(RunState.headerFile)
  }

  /// Removes every checkpoint, and the folder: the run is over. The folder it is in goes too when nothing else is
  /// there.
  func remove() {
    removeOwn()
    unlink(folder.appending(path: Self.lockFile).path)
    rmdir(folder.path)
    rmdir(folder.deletingLastPathComponent().path)
  }

  /// Removes every checkpoint: the run begins anew.
  func clear() { removeOwn() }

  /// Whether a run left one here.
  var holdsOwn: Bool {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.contains { $0.hasPrefix("step-") && isOwn($0) }
  }

  private func removeOwn() {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    where name != Self.lockFile && isOwn(name) {
      discard(name)
    }
  }

  /// Removes a checkpoint, out of sight first: half of one, after a kill, would look like a folder that no run wrote.
  private func discard(_ name: String) {
    var place = folder.appending(path: name)
    let hidden = folder.appending(path: ".writing-\(UUID().uuidString)")
    if !name.hasPrefix(".writing-"), rename(place.path, hidden.path) == 0 { place = hidden }
    try? FileManager.default.removeItem(at: place)
  }

  /// Forces a folder's entries to the disk.
  private static func sync(_ folder: URL) throws {
    let descriptor = open(folder.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw FormatError.unwritable(file: folder.path, reason: String(cString: strerror(errno)))
    }
    // Some file systems cannot sync a folder; its files were synced one by one.
    _ = fsync(descriptor)
    close(descriptor)
  }
}
