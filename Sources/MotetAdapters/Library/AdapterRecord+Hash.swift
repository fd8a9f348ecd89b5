import Crypto
import Foundation
import MotetFormats

extension AdapterRecord {
  /// SHA-256 of the adapter's `adapter_model.safetensors`, in hexadecimal digits.
  ///
  /// - Throws: `FormatError.unreadable`.
  public static func hash(of folder: URL) throws -> String {
    try hash(ofFile: folder.appendingPathComponent("adapter_model.safetensors"))
  }

  /// SHA-256 of a file, read a megabyte at a time, in hexadecimal digits: 2 GB a second where the processor has
  /// instructions for it, 0.4 elsewhere.
  ///
  /// - Throws: `FormatError.unreadable`.
  public static func hash(ofFile file: URL) throws -> String {
    var hash = SHA256()
    do {
      let handle = try FileHandle(forReadingFrom: file)
      defer { try? handle.close() }
      while let piece = try handle.read(upToCount: 1 << 20), !piece.isEmpty { hash.update(data: piece) }
    } catch {
      throw FormatError.unreadable(file: file.path, reason: error.localizedDescription)
    }
    return hash.finalize().map { byte in
      (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
  }

  /// Compares an adapter's files with what its `motet.json` says of them; a folder without one, or with one that has no
  /// hashes, passes.
  ///
  /// - Throws: ``AdapterRecordError/changed(file:)``, ``AdapterRecordError/malformed(file:problem:)``,
  ///   `FormatError.unreadable`
  public static func requireUnchanged(_ folder: URL) throws {
    try read(from: folder)?.requireUnchanged(in: folder)
  }

  /// - Throws: as ``requireUnchanged(_:)``
  func requireUnchanged(in folder: URL) throws {
    let files = [("adapter_config.json", configurationHash), ("adapter_model.safetensors", weightsHash)]
    for case (let name, let expected?) in files {
      let file = folder.appendingPathComponent(name)
      guard try Self.hash(ofFile: file) == expected else {
        throw AdapterRecordError.changed(file: file.path)
      }
    }
  }

  /// Takes the hashes of an adapter's files, and the list of what was written with them.
  /// - Throws: `FormatError.unreadable`
  mutating func takeFiles(of folder: URL) throws {
    weightsHash = try Self.hash(of: folder)
    configurationHash = try Self.hash(ofFile: folder.appendingPathComponent("adapter_config.json"))
    files = FolderManifest.files(
      of: folder, written: ["adapter_config.json", "adapter_model.safetensors"])
  }
}
