import Foundation

/// Finds an adapter's files in a folder, and says what to do where there are others in their place.
enum AdapterFiles {
  /// `adapter_model.safetensors` in `folder`. Throws ``FormatError`` naming what is there in its place.
  static func weights(in folder: URL) throws -> URL {
    let weights = folder.appendingPathComponent(PEFTAdapterFile.weightsName)
    if FileManager.default.fileExists(atPath: weights.path) { return weights }
    let names = FolderContents.names(in: folder)
    func other(_ name: String, _ feature: String, _ mend: String) -> FormatError {
      .unsupported(
        file: folder.appendingPathComponent(name).path, place: "file", feature: feature, mend: mend)
    }
    if names.contains("adapter_model.bin") {
      throw other(
        "adapter_model.bin", "a Python pickle",
        "convert it: load the adapter in PEFT and save it with "
          + "save_pretrained(folder, safe_serialization=True)")
    }
    if names.contains("adapters.safetensors") {
      throw other(
        "adapters.safetensors", "an adapter of MLX", "convert it to PEFT's form (adapter_model.safetensors)")
    }
    if let gguf = names.first(where: { $0.lowercased().hasSuffix(".gguf") }) {
      throw other(gguf, "an adapter of llama.cpp", "give the PEFT folder that it was converted from")
    }
    if let unfinished = FolderContents.unfinished(in: folder) {
      throw FormatError.unreadable(
        file: weights.path,
        reason:
          "no such file; \(quoted(unfinished)) is a download that has not ended: fetch the adapter again")
    }
    throw FormatError.unreadable(file: weights.path, reason: systemReason(ENOENT))
  }
}

/// The folder of an adapter where another one was named: the place itself, or the only folder below it that holds one.
package enum AdapterPlace {
  /// - Returns: `folder` where it holds an adapter, or nothing below it does
  /// - Throws: ``FormatError`` with the names of several
  package static func find(in folder: URL) throws -> URL {
    func isAdapter(_ place: URL) -> Bool {
      FileManager.default.fileExists(atPath: place.appendingPathComponent(PEFTConfiguration.fileName).path)
    }
    if isAdapter(folder) { return folder }
    let below = FolderContents.folders(below: folder, holding: isAdapter)
    guard below.count < 2 else {
      throw FormatError.unsupported(
        file: folder.path, place: "folder",
        feature: "a choice among several adapters (\(FolderContents.list(below)))", mend: "name one of them")
    }
    return below.first.map { folder.appendingPathComponent($0, isDirectory: true) } ?? folder
  }
}
