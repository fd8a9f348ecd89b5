import Foundation
import MotetAdapters

// What an adapter is made of, and whether somebody of a scope may use all of it.
extension AdapterPlaces {
  /// An adapter and those that it stands on, itself first, which the server may all read.
  /// - Throws: ``ServingError`` where it may not, or where one is not there
  func allowedChain(_ place: AdapterPlace) throws -> [AdapterPlace] {
    var chain = [place]
    try requireAllowed(place.folder)
    while let last = chain.last, let parent = try AdapterRecord.read(from: last.folder)?.standsOn {
      guard chain.count < Self.longestChain else {
        throw ServingError.unusableAdapter(
          name: place.title, reason: "adapters that stand on one another come to no end")
      }
      chain.append(try self.place(of: AdapterReference(parsing: parent.name), under: place.title))
    }
    return chain
  }

  private static let longestChain = 16

  /// Where an adapter lies that another stands on.
  private func place(of reference: AdapterReference, under title: String) throws -> AdapterPlace {
    func unusable(_ reason: String) -> ServingError { .unusableAdapter(name: title, reason: reason) }
    switch reference {
    case .library(let name):
      guard let entry = try library?.resolve(name), let stamp = FileStamp(entry.folder) else {
        throw unusable("it stands on \(name), and the server has no library with it")
      }
      try requireAllowed(entry.folder)
      return AdapterPlace(name: entry.name, version: entry.version, folder: entry.folder, stamp: stamp)
    case .folder(let path):
      let folder = URL(fileURLWithPath: path, isDirectory: true)
      try requireAllowed(folder)
      guard let found = self.place(at: folder) else { throw unusable("what it stands on is not there") }
      return found
    }
  }

  // MARK: Scopes

  /// Whether an adapter is there for somebody of this scope: its name, what its folder is called itself, and the same of
  /// all that it stands on, are within it.
  func reaches(_ place: AdapterPlace, within scope: AdapterScope) -> Bool {
    guard scope.isLimited else { return true }
    guard scope.allows(place.name), isOwn(place, within: scope) else { return false }
    var last = place
    for _ in 0..<Self.longestChain {
      // A record that cannot be read is for loading to complain of: it leads nowhere.
      guard let parent = try? AdapterRecord.read(from: last.folder)?.standsOn else { return true }
      // Before it is looked for, so that the time taken says nothing of it.
      guard let reference = try? AdapterReference(parsing: parent.name), mayMean(reference, within: scope),
        let below = try? self.place(of: reference, under: place.title), isOwn(below, within: scope)
      else { return false }
      last = below
    }
    return false
  }

  private func isOwn(_ place: AdapterPlace, within scope: AdapterScope) -> Bool {
    let isGranted = named[place.name] == place.folder
    return isOwn(place.folder, granted: isGranted ? granted[place.name] ?? [] : [], within: scope)
  }

  /// Whether a folder and its files, all links resolved, lie in folders with names within the scope.
  func isOwn(_ folder: URL, granted: Set<String> = [], within scope: AdapterScope) -> Bool {
    guard scope.isLimited else { return true }
    guard let names = ownNames(of: folder) else { return false }
    return names.allSatisfy { granted.contains($0) || scope.allows(folder: $0) }
  }

  /// What a folder is called, and the folders that its files lie in, all links resolved: every part of the path below
  /// the folders given at start, without the version of an adapter of the library. nil where it is not below them.
  func ownNames(of folder: URL) -> Set<String>? {
    let place = Self.resolved(folder)
    var names: Set<String> = []
    let files = Self.files.map { Self.resolved(URL(fileURLWithPath: place + "/" + $0)) }
    for path in [place] + files {
      let isFile = path != place
      // A file that lies in the folder itself says nothing new.
      if isFile, path.hasPrefix(place + "/"), !path.dropFirst(place.count + 1).contains("/") { continue }
      guard let parts = parts(of: path) else { return nil }
      names.formUnion(isFile ? Self.folders(parts.dropLast(), isOfLibrary: false) : parts)
    }
    return names.isEmpty ? nil : names
  }

  /// The parts of a path below the innermost root that it lies in; nil for one in none.
  private func parts(of path: String) -> [String]? {
    let around = roots.filter { path.hasPrefix($0.path + "/") }
    guard let root = around.max(by: { $0.path.count < $1.path.count }) else { return nil }
    let below = path.dropFirst(root.path.count + 1).split(separator: "/").map(String.init)
    let isOfLibrary = around.contains { $0.path == root.path && $0.isLibrary }
    return Self.folders(below[...], isOfLibrary: isOfLibrary)
  }

  /// Without the version, in the library.
  private static func folders(_ parts: ArraySlice<String>, isOfLibrary: Bool) -> [String] {
    guard isOfLibrary, parts.count == 2, let version = parts.last, Int(version) != nil else {
      return Array(parts)
    }
    return Array(parts.dropLast())
  }

  /// The folders given at start and the library's, all links resolved.
  var roots: [(path: String, isLibrary: Bool)] {
    folders.map { (Self.resolved($0), false) } + (library.map { [(Self.resolved($0.root), true)] } ?? [])
  }

  /// Whether a path as it is written can be one of this scope's, told without a look at the disk.
  func mayMean(_ path: String, within scope: AdapterScope) -> Bool {
    guard scope.isLimited else { return true }
    var parts = path.split(separator: "/").filter { $0 != "." }.map(String.init)
    if path.hasPrefix("/") {
      let written = folders.map { ($0.path, false) } + (library.map { [($0.root.path, true)] } ?? [])
      let around = (written + roots.map { ($0.path, $0.isLibrary) }).filter { path.hasPrefix($0.0 + "/") }
      guard let root = around.max(by: { $0.0.count < $1.0.count }) else { return false }
      parts = path.dropFirst(root.0.count + 1).split(separator: "/").filter { $0 != "." }.map(String.init)
      parts = Self.folders(parts[...], isOfLibrary: around.contains { $0.0 == root.0 && $0.1 })
    }
    return !parts.isEmpty && parts.allSatisfy { $0 != ".." && scope.allows(folder: $0) }
  }

  private func mayMean(_ reference: AdapterReference, within scope: AdapterScope) -> Bool {
    switch reference {
    case .library(let name): scope.allows(name.name)
    case .folder(let path): mayMean(path, within: scope)
    }
  }
}
