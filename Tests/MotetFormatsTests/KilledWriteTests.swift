import Foundation
import Testing

@testable import MotetFormats

/// What a process leaves that is killed between two steps of writing a folder, and what the next one makes of it. A draft
/// that is let go without being abandoned is what such a process leaves.
@Suite struct KilledWriteTests {
  private func withSample<R>(_ body: (URL, SampleFolder, FolderPlace) throws -> R) throws -> R {
    try withTemporaryFolder {
      let sample = SampleFolder(folder: $0.appending(path: "out"))
      return try body($0, sample, try FolderPlace(sample.folder.path))
    }
  }

  @Test func aDraftIsSweptOnceItsProcessIsGone() throws {
    try withSample { parent, sample, place in
      try sample.write("one")
      var draft: DraftFolder? = try place.draft()
      try sample.fill(try #require(draft).url, "half")
      try sample.write("two")
      // Its process lives.
      #expect(try names(in: parent).count == 2)
      draft = nil
      try sample.write("three")
      #expect(try names(in: parent) == ["out"])
      #expect(try sample.text() == "three")
    }
  }

  @Test func aFinishedDraftThatNeverGotItsNameIsSwept() throws {
    try withSample { parent, sample, place in
      try sample.write("one")
      do {
        let draft = try place.draft()
        try sample.fill(draft.url, "never")
        try draft.seal()
      }
      #expect(try names(in: parent).count == 2)
      #expect(try sample.text() == "one")
      try sample.write("two")
      #expect(try names(in: parent) == ["out"])
    }
  }

  @Test func theOldFolderIsSweptWhereItsRemovalWasCutOff() throws {
    try withSample { parent, sample, place in
      try sample.write("one")
      do {
        let draft = try place.draft()
        try sample.fill(draft.url, "two")
        try draft.seal()
        #expect(try place.exchange(draft.path) == draft.path)
      }
      #expect(try sample.text() == "two")
      #expect(try names(in: parent).count == 2)
      try sample.write("three")
      #expect(try names(in: parent) == ["out"])
      #expect(try sample.text() == "three")
    }
  }

  /// A second kill, while the next process removes what the first one left: what is still there comes not to stand in
  /// the folder.
  @Test(arguments: 0..<6) func aRemovalThatIsCutOffGoesOn(after count: Int) throws {
    try withSample { parent, sample, place in
      try sample.write("one")
      var left = count
      func remove(_ path: String) {
        if left > 0 { try? FileManager.default.removeItem(atPath: path) }
        left -= 1
      }
      do {
        let draft = try place.draft()
        try sample.fill(draft.url, "half")
        try Data().write(to: draft.url.appending(path: ".tokenizer.json.42-17.tmp"))
        DraftFolder.discard(draft.path, remove: remove)
      }
      place.sweep()
      #expect(try names(in: parent) == ["out"])
      left = count
      do {
        let draft = try place.draft()
        try sample.fill(draft.url, "two")
        try Data().write(to: draft.url.appending(path: "more"))
        try FolderManifest.write(.model, to: draft.url)
        try draft.seal()
        let manifest = try #require(FolderManifest(of: draft.path))
        FolderPlace.retire(
          draft.path, manifest, owns: { _ in false }, survivor: place.path, remove: remove)
      }
      place.sweep()
      #expect(try names(in: parent) == ["out"])
      #expect(try names(in: sample.folder) == ["a", "motet.json", "sub"])
      #expect(try sample.text() == "one")
    }
  }

  @Test func whereFoldersCannotChangePlacesTwoRenamesDo() throws {
    try withSample { parent, sample, place in
      var place = place
      place.canExchange = false
      try sample.write("one")
      let draft = try place.draft()
      try sample.fill(draft.url, "two")
      try draft.seal()
      let old = try #require(try place.exchange(draft.path))
      #expect(old.hasSuffix(".motet-old"))
      #expect(try sample.text() == "two")
      #expect(try SampleFolder(folder: URL(filePath: old)).text() == "one")
      try sample.write("three")
      #expect(try names(in: parent) == ["out"])
    }
  }

  @Test func aKillBetweenTheTwoRenamesBringsTheOldFolderBack() throws {
    try withSample { parent, sample, place in
      try sample.write("one")
      do {
        let draft = try place.draft()
        try sample.fill(draft.url, "two")
        try draft.seal()
        _ = try place.moveAside()
      }
      #expect(!FileManager.default.fileExists(atPath: sample.folder.path))
      OwnedFolder.putBack(sample.folder.path)
      #expect(try sample.text() == "one")
      try sample.write("three")
      #expect(try names(in: parent) == ["out"])
    }
  }

  @Test func aFolderThatIsADiskOfItsOwnIsWrittenWithin() throws {
    try withSample { parent, sample, place in
      try sample.write("one")
      func draft(_ text: String) throws -> DraftFolder {
        let draft = try DraftFolder(in: place.path, for: place.name)
        try sample.fill(draft.url, text)
        try Data().write(to: draft.url.appending(path: "more"))
        try FolderManifest.write(.model, to: draft.url)
        return draft
      }
      do {
        let killed = try draft("half")
        #expect(DraftFolder.isUnfinished(killed.path))
      }
      place.sweep()
      #expect(try names(in: sample.folder) == ["a", "motet.json", "sub"])
      do {
        let finished = try draft("two")
        try finished.seal()
        try place.moveIn(finished, owns: { _ in false })
      }
      #expect(try sample.text() == "two")
      #expect(try names(in: sample.folder) == ["a", "more", "motet.json", "sub"])
      // Killed after the first of its files, the manifest, was moved.
      do {
        let killed = try draft("three")
        try killed.seal()
        #expect(rename(killed.path + "/motet.json", place.path + "/motet.json") == 0)
      }
      place.sweep()
      #expect(try sample.text() == "three")
      #expect(try names(in: sample.folder) == ["a", "more", "motet.json", "sub"])
      #expect(try names(in: parent) == ["out"])
    }
  }

  @Test func aTemporaryFileIsSweptWhenItsFileIsWrittenAgain() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "picture.svg")
      let left = folder.appending(path: ".picture.svg.4242-17.tmp")
      let others = [".picture.svg.bak.tmp", ".other.svg.4242-17.tmp"].map { folder.appending(path: $0) }
      for file in [left] + others { try Data("half".utf8).write(to: file) }
      try AtomicFile.write(to: url) { output in
        try output.write(Data("whole".utf8))
        #expect(!FileManager.default.fileExists(atPath: left.path))
        // One that is being written stays.
        try AtomicFile.write(Data("other".utf8), to: url)
      }
      #expect(try Data(contentsOf: url) == Data("whole".utf8))
      #expect(
        try names(in: folder) == [".other.svg.4242-17.tmp", ".picture.svg.bak.tmp", "picture.svg"])
    }
  }

  /// Writers that replace one another, and readers in between.
  @Test func whoReadsMeanwhileSeesOneWholeFolder() async throws {
    let parent = FileManager.default.temporaryDirectory.appending(path: "motet-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: parent) }
    let sample = SampleFolder(folder: parent.appending(path: "out"))
    try sample.write("0")
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 1...2 {
        group.addTask { for count in 0..<60 { try sample.write("\(writer).\(count)") } }
      }
      group.addTask {
        for _ in 0..<2000 {
          let text = try WholeFolder.read(sample.folder) { try sample.text() }
          if text == nil { Issue.record("the files of two writers side by side") }
        }
      }
      try await group.waitForAll()
    }
    #expect(try sample.text() != nil)
    #expect(try names(in: parent) == ["out"])
  }
}
