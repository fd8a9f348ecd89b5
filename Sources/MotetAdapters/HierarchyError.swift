import Foundation

/// Why an adapter cannot be loaded with the one that it stands on.
public enum HierarchyError: Error, Equatable, CustomStringConvertible {
  case missing(parent: String, child: String, reason: String)
  case changed(parent: String, child: String)
  case endless([String])

  public var description: String {
    switch self {
    case .missing(let parent, let child, let reason):
      "\(child) stands on \(parent), which is not there: \(reason)"
    case .changed(let parent, let child):
      "\(child) stands on \(parent), whose weights are no longer those it was trained on: "
        + "put the old ones back, or train \(child) again"
    case .endless(let names):
      "adapters that stand on one another come to no end: \(names.prefix(4).joined(separator: " on ")) …"
    }
  }

  /// Where the adapter below `child` lies, its weights as they were.
  static func folder(
    of parent: AdapterRecord.Parent, under child: String, in library: AdapterLibrary
  ) throws -> URL {
    let place: URL
    do {
      place = try AdapterReference(parsing: parent.name).folder(in: library)
    } catch {
      throw HierarchyError.missing(parent: parent.name, child: child, reason: "\(error)")
    }
    try requireUnchanged(parent, at: place, under: child)
    return place
  }

  fileprivate static func requireUnchanged(
    _ parent: AdapterRecord.Parent, at folder: URL, under child: String
  ) throws {
    if let hash = parent.weightsHash, try AdapterRecord.hash(of: folder) != hash {
      throw HierarchyError.changed(parent: parent.name, child: child)
    }
  }
}

extension AdapterRecord {
  /// - Parameter below: the folder of the adapter that this one's stands on
  /// - Throws: ``HierarchyError/changed(parent:child:)``
  func requireUnchanged(below: URL?, under child: String) throws {
    guard let parent = standsOn, let below else { return }
    try HierarchyError.requireUnchanged(parent, at: below, under: child)
  }
}
