import Foundation
import MotetAdapters
import Testing

extension AdapterLibrary {
  @discardableResult
  func addTiny(_ name: String, seed: UInt64 = 1) throws -> Entry {
    try add(
      name,
      weights: AdapterWeights(sites: [
        "layers.0.self_attn.q_proj": noisyWeights(rank: 2, inputs: 4, outputs: 4, seed: seed)
      ]),
      record: AdapterRecord(motet: "1"))
  }
}

@Suite struct AdapterLibraryTests {
  private struct Interrupted: Error {}

  private func withLibrary(_ body: (AdapterLibrary) throws -> Void) throws {
    try withTemporaryFolder { try body(AdapterLibrary(root: $0.appendingPathComponent("adapters"))) }
  }

  @Test func versionsCountUpAndTheNewestIsMeant() throws {
    try withLibrary { library in
      let first = try library.addTiny("math")
      #expect(first.version == 1)
      #expect(try library.addTiny("math").version == 2)
      #expect(try library.addTiny("code").description == "code@1")
      #expect(try library.entries().map(\.description) == ["code@1", "math@1", "math@2"])
      #expect(try library.resolve("math").version == 2)
      #expect(try library.resolve("math@1").version == 1)
      #expect(try library.resolve("math@1").folder.path == library.root.path + "/math/1")
      #expect(try library.resolve("math").record()?.motet == "1")
    }
  }

  @Test func tenVersionsSortByNumber() throws {
    try withLibrary { library in
      for _ in 0..<11 { try library.addTiny("math") }
      #expect(try library.versions(of: "math").map(\.version) == Array(1...11))
      #expect(try library.resolve("math").version == 11)
    }
  }

  @Test func aFailedWriteLeavesNothing() throws {
    try withLibrary { library in
      try library.addTiny("math")
      #expect(throws: Interrupted.self) {
        try library.add("math") { folder in
          try Data("{}".utf8).write(to: folder.appendingPathComponent("adapter_config.json"))
          throw Interrupted()
        }
      }
      #expect(throws: LibraryError.self) {
        try library.add("code") { folder in
          try Data("{}".utf8).write(to: folder.appendingPathComponent("adapter_config.json"))
        }
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: library.root.path) == ["math"])
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: library.root.path + "/math") == ["1"])
    }
  }

  @Test func whatAKilledRunLeftIsNeverListed() throws {
    try withLibrary { library in
      try library.addTiny("math")
      let draft = library.root.appendingPathComponent(".adding-dead")
      try FileManager.default.createDirectory(at: draft, withIntermediateDirectories: true)
      #expect(try library.entries().map(\.description) == ["math@1"])
      // A fresh one may belong to a running process; an old one does not.
      try library.addTiny("math")
      #expect(FileManager.default.fileExists(atPath: draft.path))
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSinceNow: -90_000)], ofItemAtPath: draft.path)
      try library.addTiny("math")
      #expect(!FileManager.default.fileExists(atPath: draft.path))
    }
  }

  @Test func whatAKilledRunLeftIsSweptAtOnceAndADraftUnderWayStays() throws {
    try withLibrary { library in
      try library.addTiny("math")
      let names = { try FileManager.default.contentsOfDirectory(atPath: library.root.path) }
      for name in [".adding.0a1b2c3d.motet-draft", ".removing-dead"] {
        try FileManager.default.createDirectory(
          at: library.root.appendingPathComponent(name), withIntermediateDirectories: true)
      }
      try library.add("code") { folder in
        let site = try noisyWeights(rank: 2, inputs: 4, outputs: 4, seed: 1)
        try AdapterWeights(sites: ["layers.0.self_attn.q_proj": site]).write(to: folder)
        try library.addTiny("other")
        #expect(try names().contains(folder.lastPathComponent))
      }
      #expect(try names().sorted() == ["code", "math", "other"])
    }
  }

  @Test func addingAtOnceGivesEachItsOwnVersion() async throws {
    let root = FileManager.default.temporaryDirectory.appendingPathComponent("motet-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: root) }
    let library = AdapterLibrary(root: root)
    let versions = try await withThrowingTaskGroup(of: Int.self) { group in
      for seed in 1...16 {
        group.addTask { try library.addTiny("math", seed: UInt64(seed)).version }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(versions.sorted() == Array(1...16))
    for version in 1...16 { #expect(try library.verify("math@\(version)").isSound) }
  }

  @Test func aRemovedVersionIsNotGivenOutAgain() throws {
    try withLibrary { library in
      try library.addTiny("math")
      try library.addTiny("math")
      #expect(try library.remove("math").version == 2)
      #expect(try library.resolve("math").version == 1)
      #expect(try library.addTiny("math").version == 3)
      #expect(try library.removeAll(of: "math").map(\.version) == [1, 3])
      #expect(try library.names().isEmpty)
      #expect(try library.addTiny("math").version == 4)
    }
  }

  @Test func pinnedVersionsStay() throws {
    try withLibrary { library in
      try library.addTiny("math")
      try library.addTiny("math")
      try library.pin("math@1")
      #expect(try library.versions(of: "math").map(\.isPinned) == [true, false])
      #expect(throws: LibraryError.pinned("math@1")) { try library.remove("math@1") }
      #expect(throws: LibraryError.pinned("math@1")) { try library.removeAll(of: "math") }
      #expect(try library.versions(of: "math").count == 2)
      try library.unpin("math@1")
      try library.remove("math@1")
      try library.pin("math")
      try library.remove("math", force: true)
      #expect(try library.versions(of: "math").isEmpty)
    }
  }

  @Test func unknownAdaptersAreNamedWithThoseThatAreNear() throws {
    try withLibrary { library in
      #expect(throws: LibraryError.emptyLibrary(asked: "math", root: library.root.path)) {
        try library.resolve("math")
      }
      try library.addTiny("math")
      try library.addTiny("code")
      #expect(
        throws: LibraryError.unknownName(
          name: "Maths", near: ["math"], known: ["code", "math"], root: library.root.path)
      ) { try library.resolve("Maths") }
      #expect { try library.resolve("biology") } throws: { "\($0)".contains("there are code, math") }
      #expect(throws: LibraryError.unknownVersion(name: "math", version: 7, available: [1])) {
        try library.resolve("math@7")
      }
    }
  }

  @Test func namesThatAreNoNamesNeverReachTheDisk() throws {
    try withLibrary { library in
      let names = [
        "", ".", "..", "../x", "a/b", "a\\b", "a..b", ".hidden", "-x", "base", "a b", "a\0b", "ü",
        String(repeating: "a", count: 101),
      ]
      for name in names {
        #expect("\(name)") {
          try library.add(name) { _ in Issue.record("wrote \(name)") }
        } throws: { error in
          if case LibraryError.invalidName = error { true } else { false }
        }
      }
      #expect(!FileManager.default.fileExists(atPath: library.root.path))
    }
  }

  @Test func verifyingFindsDamage() throws {
    try withLibrary { library in
      let entry = try library.addTiny("math")
      let sound = try library.verify("math")
      #expect(sound.isSound)
      #expect(sound.notes == ["motet.json does not say which base it was made for"])

      // Other weights than the record's, though sound in themselves.
      let weights = entry.folder.appendingPathComponent("adapter_model.safetensors")
      var bytes = try Data(contentsOf: weights)
      bytes[bytes.count - 4] ^= 1
      try bytes.write(to: weights)
      let changed = try library.verify("math").problems
      #expect(changed.count == 1)
      #expect(changed.first?.contains("SHA-256") == true)

      // The last value is not a number.
      bytes.replaceSubrange(bytes.count - 4..<bytes.count, with: [0, 0, 0xC0, 0x7F])
      try bytes.write(to: weights)
      #expect(try library.verify("math").problems.contains { $0.contains("nan") })

      try bytes.prefix(20).write(to: weights)
      #expect(try !library.verify("math").isSound)

      try FileManager.default.removeItem(at: weights)
      #expect(try library.verify("math").problems.contains { $0.contains("adapter_model.safetensors") })
    }
  }

  @Test func anAdapterWithoutARecordIsSoundAndNoted() throws {
    try withLibrary { library in
      let site = try noisyWeights(rank: 2, inputs: 4, outputs: 4, seed: 1)
      try library.add("peft", weights: AdapterWeights(sites: ["layers.0.self_attn.q_proj": site]))
      let result = try library.verify("peft")
      #expect(result.isSound)
      #expect(result.notes.count == 1)
      #expect(try library.resolve("peft").record() == nil)
    }
  }

  @Test func aLibraryThatCannotBeWrittenSaysWhere() throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("adapters")
      try Data("x".utf8).write(to: file)
      let library = AdapterLibrary(root: file)
      #expect {
        try library.addTiny("math")
      } throws: { error in
        guard case LibraryError.fileSystem(_, let path, let reason) = error else { return false }
        return path.hasPrefix(file.path) && reason == "Not a directory"
      }
      #expect(try Data(contentsOf: file) == Data("x".utf8))
    }
  }

  @Test func theHomeFolderIsWhereTheEnvironmentSays() {
    let library = AdapterLibrary(environment: ["MOTET_HOME": "/somewhere"])
    #expect(library.root.path == "/somewhere/adapters")
    #expect(AdapterLibrary(environment: [:]).root.path.hasSuffix("/.motet/adapters"))
  }
}
