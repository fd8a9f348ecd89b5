import Foundation
import Testing

@testable import MotetFormats

/// A folder of two files with one text in both, and what it is checked by.
struct SampleFolder {
  let folder: URL
  var kind = FolderManifest.Kind.model

  func owned(overwriting: Bool = true) -> OwnedFolder {
    OwnedFolder(folder, kind: kind, overwriting: overwriting)
  }

  func fill(_ draft: URL, _ text: String) throws {
    try Data(text.utf8).write(to: draft.appending(path: "a"))
    try FileManager.default.createDirectory(
      at: draft.appending(path: "sub"), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: draft.appending(path: "sub/b"))
    try FolderManifest.write(kind, to: draft)
  }

  func write(_ text: String, overwriting: Bool = true) throws {
    try owned(overwriting: overwriting).write { try fill($0, text) }
  }

  /// The text, when both files have the same.
  func text() throws -> String? {
    let texts = try ["a", "sub/b"].map { try String(contentsOf: folder.appending(path: $0), encoding: .utf8) }
    return texts[0] == texts[1] ? texts[0] : nil
  }
}

/// The names in a folder, hidden ones too, sorted.
func names(in folder: URL) throws -> [String] {
  try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
}

@Suite struct OwnedFolderTests {
  private struct Interruption: Error {}

  private func withSample<R>(_ body: (URL, SampleFolder) throws -> R) throws -> R {
    try withTemporaryFolder { try body($0, SampleFolder(folder: $0.appending(path: "out"))) }
  }

  private func complaint(_ body: () throws -> Void) -> String {
    do {
      try body()
      return ""
    } catch { return "\(error)" }
  }

  private func put(_ text: String, _ place: URL) throws {
    try FileManager.default.createDirectory(
      at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: place)
  }

  @Test func whatIsWrittenIsListedAndMayBeReplaced() throws {
    try withSample { parent, sample in
      try sample.write("one")
      #expect(FolderManifest(of: sample.folder.path)?.files == ["a", "motet.json", "sub/b"])
      #expect(try names(in: sample.folder) == ["a", "motet.json", "sub"])
      #expect(throws: OwnedFolderError.holdsModel(path: sample.folder.relativePath)) {
        try sample.write("two", overwriting: false)
      }
      #expect(try sample.text() == "one")
      chmod(sample.folder.path, 0o2750)
      try sample.write("two")
      #expect(try sample.text() == "two")
      var found = stat()
      #expect(stat(sample.folder.path, &found) == 0 && found.st_mode & 0o7777 == 0o2750)
      #expect(try names(in: parent) == ["out"])
    }
  }

  @Test func aFileThatIsLeftOutGoesAndAnEmptyFolderGivesWay() throws {
    try withSample { parent, sample in
      try FileManager.default.createDirectory(at: sample.folder, withIntermediateDirectories: true)
      try sample.write("one", overwriting: false)
      try sample.owned().write { draft in
        try Data().write(to: draft.appending(path: "c"))
        try FolderManifest.write(.model, to: draft)
      }
      #expect(try names(in: sample.folder) == ["c", "motet.json"])
      #expect(try names(in: parent) == ["out"])
    }
  }

  @Test(arguments: ["notes.txt", ".git/config", "sub/mine", "src/a/b.swift", "config.json"], [true, false])
  func aFolderWithAnythingElseStaysAsItIs(file: String, overwriting: Bool) throws {
    try withSample { parent, sample in
      try sample.write("one")
      try put("mine", sample.folder.appending(path: file))
      let first = file.hasPrefix("sub/") ? file : String(file.prefix { $0 != "/" })
      #expect(throws: OwnedFolderError.holdsOther(path: sample.folder.relativePath, file: first)) {
        try sample.write("two", overwriting: overwriting)
      }
      #expect(try sample.text() == "one")
      #expect(try String(contentsOf: sample.folder.appending(path: file), encoding: .utf8) == "mine")
      #expect(try names(in: parent) == ["out"])
    }
  }

  @Test func aProjectWithAConfigurationOfItsOwnIsNoModel() throws {
    try withSample { _, sample in
      for file in [".git/HEAD", "src/main.swift", "config.json"] {
        try put("mine", sample.folder.appending(path: file))
      }
      let message = complaint { try sample.write("model") }
      #expect(message.contains("holds .git, which is not in the list"))
      #expect(try names(in: sample.folder) == [".git", "config.json", "src"])
    }
  }

  @Test func oneKindDoesNotReplaceTheOther() throws {
    try withSample { _, sample in
      try sample.write("model")
      var adapter = sample
      adapter.kind = .adapter
      #expect(throws: OwnedFolderError.isModel(path: sample.folder.relativePath)) { try adapter.write("x") }
      #expect(try sample.text() == "model")
    }
  }

  @Test(arguments: ["", ".", "./", "..", "../..", "/", "Sources/.."])
  func theCurrentFolderAndAllAboveItAreRefused(path: String) throws {
    let folder = OwnedFolder(URL(filePath: path), kind: .model, overwriting: true)
    let error = #expect(throws: OwnedFolderError.self) { try folder.check() }
    guard case .isProtected? = error else {
      Issue.record("\(path): \(String(describing: error))")
      return
    }
  }

  @Test func theHomeFolderIsRefused() throws {
    let home = ProcessInfo.processInfo.environment["HOME"] ?? NSHomeDirectory()
    for place in [home, home + "/"] {
      let message = complaint {
        try OwnedFolder(URL(filePath: place), kind: .adapter, overwriting: true).check()
      }
      #expect(message.contains("your home folder") || message.contains("the current folder"))
    }
  }

  @Test func aFileIsNoFolder() throws {
    try withSample { _, sample in
      try put("mine", sample.folder)
      #expect(throws: OwnedFolderError.isFile(path: sample.folder.relativePath)) { try sample.write("x") }
      #expect(try String(contentsOf: sample.folder, encoding: .utf8) == "mine")
    }
  }

  @Test func aLinkStaysALink() throws {
    try withTemporaryFolder { parent in
      let real = parent.appending(path: "disk/real")
      try FileManager.default.createDirectory(at: real, withIntermediateDirectories: true)
      let link = parent.appending(path: "link")
      try FileManager.default.createSymbolicLink(atPath: link.path, withDestinationPath: "disk/real")
      let sample = SampleFolder(folder: link)
      for text in ["one", "two"] {
        try sample.write(text)
        #expect(try SampleFolder(folder: real).text() == text)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link.path) == "disk/real")
      }
      #expect(try names(in: parent) == ["disk", "link"])
      #expect(try names(in: parent.appending(path: "disk")) == ["real"])
    }
  }

  @Test func aLinkToNothingMakesWhatItLeadsTo() throws {
    try withTemporaryFolder { parent in
      let link = parent.appending(path: "link")
      try FileManager.default.createSymbolicLink(atPath: link.path, withDestinationPath: "new/real")
      try SampleFolder(folder: link).write("one")
      #expect(try SampleFolder(folder: parent.appending(path: "new/real")).text() == "one")
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link.path) == "new/real")
      let loop = parent.appending(path: "loop")
      try FileManager.default.createSymbolicLink(atPath: loop.path, withDestinationPath: "loop")
      #expect(refusal { try SampleFolder(folder: loop).write("x") }.contains("links lead to one another"))
    }
  }

  @Test func aPathMayEndWithASlashOrGoUp() throws {
    try withTemporaryFolder { parent in
      try put("", parent.appending(path: "there/x"))
      for path in ["one/", "there/../two", "new/three/", "none/../four"] {
        try SampleFolder(folder: URL(filePath: parent.path + "/" + path)).write("text")
      }
      for name in ["one", "two", "new/three", "four"] {
        #expect(try SampleFolder(folder: parent.appending(path: name)).text() == "text")
      }
      #expect(try names(in: parent) == ["four", "new", "one", "there", "two"])
    }
  }

  @Test func aFailedWriteLeavesNothingAndTheOldFolder() throws {
    try withSample { parent, sample in
      let deep = SampleFolder(folder: parent.appending(path: "x/y/out"))
      for place in [sample, deep] {
        #expect(throws: Interruption.self) {
          try place.owned().write { draft in
            try place.fill(draft, "half")
            throw Interruption()
          }
        }
      }
      #expect(try names(in: parent).isEmpty)
      try sample.write("one")
      #expect(throws: Interruption.self) { try sample.owned().write { _ in throw Interruption() } }
      #expect(try sample.text() == "one")
      #expect(try names(in: parent) == ["out"])
    }
  }

  @Test func onlyWhatTheManifestListsIsRemoved() throws {
    try withSample { _, sample in
      try sample.write("one")
      try put("mine", sample.folder.appending(path: "sub/mine"))
      sample.owned().remove()
      #expect(try names(in: sample.folder) == ["sub"])
      #expect(try names(in: sample.folder.appending(path: "sub")) == ["mine"])
    }
  }

  @Test func aFolderThatARunWritesKeepsWhatElseIsThere() throws {
    try withSample { parent, sample in
      try sample.write("one")
      for file in ["notes.txt", "checkpoints/step-1/run.json", "log"] {
        try put(file, sample.folder.appending(path: file))
      }
      try FileManager.default.createDirectory(
        at: sample.folder.appending(path: "empty"), withIntermediateDirectories: true)
      var owned = sample.owned()
      owned.keepsOthers = true
      owned.owns = { $0 == "log" }
      try owned.write { try sample.fill($0, "two") }
      #expect(try sample.text() == "two")
      #expect(
        try names(in: sample.folder) == ["a", "checkpoints", "empty", "motet.json", "notes.txt", "sub"])
      for file in ["notes.txt", "checkpoints/step-1/run.json"] {
        #expect(try String(contentsOf: sample.folder.appending(path: file), encoding: .utf8) == file)
      }
      #expect(try names(in: parent) == ["out"])
      // What was taken along is not Motet's.
      #expect(FolderManifest(of: sample.folder.path)?.files == ["a", "motet.json", "sub/b"])
    }
  }
}
