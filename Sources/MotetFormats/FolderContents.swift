import Foundation

/// What lies in a folder in place of the file that was looked for, for errors that say what to do.
package enum FolderContents {
  /// The names in `folder`, sorted, without hidden ones; none when it cannot be read.
  package static func names(in folder: URL) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
      .filter { !$0.hasPrefix(".") }.sorted()
  }

  /// Endings that programs give to a file until all of it is there.
  private static let unfinished = [
    ".incomplete", ".part", ".partial", ".crdownload", ".download", ".aria2", ".tmp",
  ]

  /// The first file of `folder` whose download has not ended.
  package static func unfinished(in folder: URL) -> String? {
    names(in: folder).first { name in unfinished.contains { name.lowercased().hasSuffix($0) } }
  }

  /// The folders below `folder`, at most two levels down, that hold a file called `name`, as paths from there; sorted.
  /// Hidden folders and links are not entered.
  package static func folders(below folder: URL, holding isWanted: (URL) -> Bool, depth: Int = 2) -> [String]
  {
    guard depth > 0 else { return [] }
    return names(in: folder).flatMap { name -> [String] in
      let place = folder.appendingPathComponent(name)
      let type = (try? FileManager.default.attributesOfItem(atPath: place.path))?[.type] as? FileAttributeType
      guard type == .typeDirectory else { return [] }
      if isWanted(place) { return [name] }
      return folders(below: place, holding: isWanted, depth: depth - 1).map { "\(name)/\($0)" }
    }
  }

  /// Names as they stand in an error: the first few, quoted.
  package static func list(_ names: [String], upTo limit: Int = 6) -> String {
    names.prefix(limit).map(quoted).joined(separator: ", ")
      + (names.count > limit ? " and \(names.count - limit) more" : "")
  }
}
