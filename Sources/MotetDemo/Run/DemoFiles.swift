import Foundation
import Motet
import MotetFormats

/// The sample data as files, so that any part of the demo can be done again by hand with `motet train`,
/// `motet evaluate` or `motet router train`.
public enum DemoFiles {
  /// Marks a folder as the demo's by a `motet.json`: an empty one, or one that is marked already.
  /// - Throws: ``TrainingError/holdsOther(folder:file:)``, or ``FormatError`` when it cannot be written
  public static func claim(_ folder: URL) throws {
    if FolderManifest(of: folder.path)?.kind == .demo { return }
    if let other = try? FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().first {
      throw TrainingError.holdsOther(folder: folder.relativePath, file: other)
    }
    do { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) } catch {
      throw FormatError.unwritable(file: folder.path, reason: error.localizedDescription)
    }
    try FolderManifest.write(.demo, to: folder)
  }

  /// Writes `DOMAIN-train.jsonl` and `DOMAIN-heldout.jsonl` for each domain, `compound.jsonl` and
  /// `general.jsonl` into `folder`.
  /// - Throws: ``FormatError`` when a file cannot be written
  public static func write(_ options: DemoOptions, to folder: URL) throws {
    for domain in DemoDomain.allCases {
      let training = DemoData.training(domain, count: options.rows, seed: options.seed)
      let heldOut = DemoData.heldOut(domain, count: options.heldOut, seed: options.seed)
      try lines(training, to: folder.appending(path: "\(domain.rawValue)-train.jsonl"))
      try lines(heldOut, to: folder.appending(path: "\(domain.rawValue)-heldout.jsonl"))
    }
    try lines(DemoData.compound, to: folder.appending(path: "compound.jsonl"))
    try lines(
      DemoData.generalText.map { ["text": $0] }, to: folder.appending(path: "general.jsonl"))
  }

  static func lines(_ values: [some Encodable], to file: URL) throws {
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    var text = Data()
    for value in values { text += try encoder.encode(value) + Data("\n".utf8) }
    try AtomicFile.write(text, to: file)
  }
}
