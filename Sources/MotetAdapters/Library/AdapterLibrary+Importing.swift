import Foundation
import MotetFormats
import MotetModels

extension AdapterLibrary {
  /// What was copied into the library, and what was not.
  public struct Import: Sendable {
    public let entry: Entry
    /// The folder that the files came from: the one that was named, or the only one below it that holds an adapter.
    public let source: URL
    public let copied: [String]
    /// What lies beside them and is not the adapter's: a tokenizer, an optimizer's state.
    public let left: [String]
    /// What checking it against the base brought up, a line each.
    public let notes: [String]
  }

  /// Adds a new version of `name` from an adapter's folder: copies of its two files, and a record of where they came
  /// from. What is already in a record there is kept.
  ///
  ///     let added = try library.add("math", copying: URL(filePath: "downloads/math"), for: base)
  ///     added.entry        // math@1
  ///
  /// - Parameters:
  ///   - base: what the adapter must fit, and is recorded for; nil checks its files alone
  ///   - force: takes one whose record names another base, as long as its shapes fit
  /// - Throws: what is wrong with the files or keeps them from fitting `base`, and as ``add(_:writing:)``. Nothing is left
  ///   of a failed attempt.
  public func add(
    _ name: String, copying folder: URL, for base: BaseModel? = nil, force: Bool = false
  ) throws -> Import {
    let name = try AdapterName(name).name
    let source = try AdapterPlace.find(in: folder)
    var notes: [String] = []
    if let base {
      notes = try Adapter.load(source, name: name, for: base, force: force, library: self).notes
    } else {
      _ = try AdapterWeights(peft: source)
    }
    var record = try AdapterRecord.read(from: source) ?? AdapterRecord(motet: motetVersion)
    if let base, record.base == nil || force { record.base = base.identity }
    record.origin = source.standardizedFileURL.path
    let entry = try add(name) { draft in
      for file in Self.requiredFiles {
        // The hub's cache holds links to files elsewhere.
        let own = source.appendingPathComponent(file).resolvingSymlinksInPath()
        try perform("copy it", at: own) {
          try FileManager.default.copyItem(at: own, to: draft.appendingPathComponent(file))
        }
      }
      record.weightsHash = try AdapterRecord.hash(of: draft)
      try AtomicFile.write(try record.encoded(), to: draft.appendingPathComponent(AdapterRecord.fileName))
    }
    let left = FolderContents.names(in: source)
      .filter { !Self.requiredFiles.contains($0) && $0 != AdapterRecord.fileName }
    return Import(entry: entry, source: source, copied: Self.requiredFiles, left: left, notes: notes)
  }
}
