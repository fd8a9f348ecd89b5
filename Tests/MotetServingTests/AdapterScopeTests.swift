import Foundation
import MotetAdapters
import Testing

@testable import MotetServing

/// What a scope allows, told of folders, links and parents without a model.
@Suite struct AdapterScopeTests {
  private let own = AdapterScope(patterns: ["acme*"])

  @Test func aTextIsToldWithoutItsFolders() {
    for (text, told) in [
      ("cannot read /srv/adapters/math/motet.json: it is empty", "cannot read motet.json: it is empty"),
      (
        "no adapter 'x' in '/home/a b/adapters'; there are c", "no adapter 'x' in 'a b/adapters'; there are c"
      ),
      ("file:///srv/x/y.json", "y.json"), ("~/models/x", "x"), ("GET or POST", "GET or POST"), ("", ""),
      ("/", "/"),
      ("a/b and 1/2", "a/b and 1/2"), ("(/srv/x)", "(x)"),
    ] { #expect(withoutFolders(text) == told) }
  }

  /// Folders with files of the right names in them, and a library.
  private func withPlaces(_ body: (AdapterPlaces, URL) throws -> Void) throws {
    let home = FileManager.default.temporaryDirectory.appending(path: "motet-scope-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: home) }
    let folder = home.appending(path: "served")
    for place in [
      "served/acme-a", "served/acme-a/rival-in", "served/rival-a", "served/rival-a/acme-in",
      "library/acme-b/1",
      "library/rival-b/1", "outside/acme-c",
    ] {
      let place = home.appending(path: place)
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      for file in AdapterPlaces.files.dropLast() { try Data().write(to: place.appending(path: file)) }
    }
    try body(
      AdapterPlaces(library: AdapterLibrary(root: home.appending(path: "library")), folders: [folder]), folder
    )
  }

  private func link(_ folder: URL, _ name: String, to target: String) throws {
    try FileManager.default.createSymbolicLink(
      atPath: folder.appending(path: name).path, withDestinationPath: target)
  }

  @Test func aFolderIsOnesOwnByWhereItLiesWithAllLinksResolved() throws {
    try withPlaces { places, folder in
      try link(folder, "acme-link", to: "rival-a")
      try link(folder, "acme-dangling", to: "rival-none")
      try link(folder, "acme-far", to: "../outside/acme-c")
      try link(folder, "acme-twice", to: "acme-link")
      try link(folder, "acme-fine", to: "acme-a")
      for (path, isOwn) in [
        ("acme-a", true), ("acme-fine", true), ("rival-a", false), ("acme-link", false),
        ("acme-twice", false),
        ("acme-dangling", false), ("acme-far", false), ("acme-a/rival-in", false), ("rival-a/acme-in", false),
        ("acme-none", true), ("", false), ("../library/acme-b/1", true), ("../library/rival-b/1", false),
      ] { #expect(places.isOwn(folder.appending(path: path), within: own) == isOwn, "\(path)") }
      #expect(places.isOwn(folder.appending(path: "rival-a"), granted: ["rival-a"], within: own))
      #expect(places.isOwn(folder.appending(path: "rival-a"), within: .all))
    }
  }

  @Test func aFileThatIsALinkLiesWhereItLeads() throws {
    try withPlaces { places, folder in
      let file = folder.appending(path: "acme-a/\(AdapterPlaces.files[1])")
      for (target, isOwn) in [
        ("../rival-a/\(AdapterPlaces.files[1])", false), ("../rival-none/x", false), ("/etc/passwd", false),
        ("other-name", true), (folder.path + "/acme-a/\(AdapterPlaces.files[0])", true),
      ] {
        try FileManager.default.removeItem(at: file)
        try FileManager.default.createSymbolicLink(atPath: file.path, withDestinationPath: target)
        #expect(places.isOwn(folder.appending(path: "acme-a"), within: own) == isOwn, "\(target)")
      }
    }
  }

  @Test func whatAPathCanMeanIsToldWithoutTheDisk() throws {
    try withPlaces { places, folder in
      let root = folder.path
      for (path, isPossible) in [
        ("acme-a", true), ("./acme-a", true), ("acme-none", true), ("acme-a/.", true), ("rival-a", false),
        ("acme-a/../rival-a", false), ("..", false), (".", false), ("", false), ("/", false), ("/etc", false),
        (root, false), (root + "/acme-a", true), (root + "/rival-a", false), (root + "//acme-a//", true),
        (root + "/../served/acme-a", false), (root + "x/acme-a", false), ("acme-a@1", true),
      ] { #expect(places.mayMean(path, within: own) == isPossible, "\(path)") }
    }
  }
}
