import Foundation
import MotetFormats
import MotetModels
import Testing

@testable import MotetAdapters

/// Adapters as folders that are replaced whole, and compared with their records by whoever reads them.
@Suite struct AdapterSavingTests {
  private func weights(seed: UInt64, scale: Float = 2) throws -> AdapterWeights {
    try AdapterWeights(sites: [
      "layers.0.self_attn.q_proj": noisyWeights(rank: 2, inputs: 64, outputs: 64, scale: scale, seed: seed)
    ])
  }

  private func names(_ folder: URL) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
  }

  private func save(_ weights: AdapterWeights, to folder: URL, overwriting: Bool = true) throws {
    try weights.save(to: folder, record: AdapterRecord(motet: "test"), overwriting: overwriting)
  }

  @Test func theRecordListsAndHashesWhatIsBesideIt() throws {
    try withTemporaryFolder { place in
      let folder = place.appending(path: "out")
      try weights(seed: 1).save(to: folder, record: AdapterRecord(motet: "test")) {
        try Data("page".utf8).write(to: $0.appending(path: "report.html"))
      }
      let record = try #require(try AdapterRecord.read(from: folder))
      #expect(
        record.files == ["adapter_config.json", "adapter_model.safetensors", "motet.json", "report.html"])
      #expect(record.weightsHash == (try AdapterRecord.hash(of: folder)))
      let configuration = folder.appending(path: "adapter_config.json")
      #expect(record.configurationHash == (try AdapterRecord.hash(ofFile: configuration)))
      #expect(try names(folder) == record.files)
      #expect(throws: OwnedFolderError.holdsAdapter(path: folder.relativePath)) {
        try save(weights(seed: 2), to: folder, overwriting: false)
      }
      try save(weights(seed: 2), to: folder)
      // The page told of the other adapter.
      #expect(try names(folder) == ["adapter_config.json", "adapter_model.safetensors", "motet.json"])
      #expect(try names(place) == ["out"])
    }
  }

  @Test func anAdapterOfPEFTIsNotReplaced() throws {
    try withTemporaryFolder { place in
      let folder = place.appending(path: "theirs")
      try FileManager.default.copyItem(at: TinyModel.adapter, to: folder)
      let before = try AdapterRecord.hash(of: folder)
      #expect(throws: OwnedFolderError.holdsForeignAdapter(path: folder.relativePath)) {
        try save(weights(seed: 1), to: folder)
      }
      #expect(try AdapterRecord.hash(of: folder) == before)
    }
  }

  /// The list is of what may be removed one day.
  @Test func aFolderThatIsNoDraftIsNotListedAsMotets() throws {
    try withTemporaryFolder { folder in
      try Data("mine".utf8).write(to: folder.appending(path: "notes.txt"))
      try weights(seed: 1).write(to: folder, record: AdapterRecord(motet: "test"))
      #expect(
        try AdapterRecord.read(from: folder)?.files
          == ["adapter_config.json", "adapter_model.safetensors", "motet.json"])
      #expect(throws: OwnedFolderError.holdsOther(path: folder.relativePath, file: "notes.txt")) {
        try save(weights(seed: 2), to: folder)
      }
    }
  }

  /// What a kill between two writes used to leave: alpha counted several times, in silence.
  @Test(arguments: ["adapter_config.json", "adapter_model.safetensors"])
  func filesOfTwoRunsAreNotedByWhoeverReads(file: String) async throws {
    let base = try await TinyModel.load()
    try await TinyModel.withFolder { place in
      let (one, other) = (place.appending(path: "one"), place.appending(path: "other"))
      try save(weights(seed: 1, scale: 1), to: one)
      try save(weights(seed: 2, scale: 8), to: other)
      _ = try Adapter.load(one, for: base)
      let name = one.appending(path: file)
      try FileManager.default.removeItem(at: name)
      try FileManager.default.copyItem(at: other.appending(path: file), to: name)
      let changed = AdapterRecordError.changed(file: name.path)
      #expect(throws: changed) { try Adapter.load(one, for: base) }
      #expect(throws: changed) { try Adapter.load(one, for: base, force: true) }
      #expect(throws: changed) { try AdapterWeights(peft: one) }
      #expect(throws: changed) { try Adapter.loadAlone(one, name: "one", for: base, below: nil) }
      #expect(throws: changed) { try PreparedAdapter.read(one, name: "one", for: base) }
      #expect(throws: changed) { try AdapterRecord.requireUnchanged(one) }
      #expect("\(changed)".contains("remove motet.json to use the folder as it is"))
      // Without a record there is nothing to compare.
      try FileManager.default.removeItem(at: one.appending(path: "motet.json"))
      _ = try Adapter.load(one, for: base)
    }
  }

  @Test func aConfigurationEditedByHandIsFoundInTheLibrary() throws {
    try withTemporaryFolder { place in
      let library = AdapterLibrary(root: place)
      let entry = try library.add("math", weights: weights(seed: 1), record: AdapterRecord(motet: "1"))
      #expect(try library.verify("math").isSound)
      let file = entry.folder.appending(path: "adapter_config.json")
      let text = try String(contentsOf: file, encoding: .utf8)
      try Data(text.replacing("\"lora_alpha\": 4", with: "\"lora_alpha\": 32").utf8).write(to: file)
      let problems = try library.verify("math").problems
      #expect(problems.count == 1 && problems.first?.hasPrefix("\(file.path): its SHA-256 is") == true)
    }
  }

  @Test func aRecordOfAnEarlierVersionHasNoHashOfTheConfiguration() async throws {
    let base = try await TinyModel.load()
    try await TinyModel.withFolder { place in
      let folder = place.appending(path: "old")
      try save(weights(seed: 1), to: folder)
      var record = try #require(try AdapterRecord.read(from: folder))
      (record.configurationHash, record.files) = (nil, nil)
      try record.encoded().write(to: folder.appending(path: "motet.json"))
      _ = try Adapter.load(folder, for: base)
      // It does not say what was written, so nothing gives way.
      #expect(throws: OwnedFolderError.self) { try save(weights(seed: 2), to: folder) }
    }
  }

  @Test func anAdapterOfNoRecordIsSavedWithOne() throws {
    try withTemporaryFolder { place in
      let path = place.appending(path: "out").path
      let adapter = Adapter(name: "a", weights: try weights(seed: 1))
      try adapter.weights.save(to: URL(filePath: path), record: AdapterRecord(motet: "1"))
      #expect(try AdapterRecord.read(from: URL(filePath: path))?.base == nil)
    }
  }

  /// `motet merge --overwrite` in a loop beside `motet generate` in another.
  @Test func whoReadsWhileAnAdapterIsReplacedHasOneWholeAdapter() async throws {
    try await TinyModel.withFolder { place in
      let folder = place.appending(path: "out")
      let both = [try weights(seed: 1, scale: 1), try weights(seed: 2, scale: 8)]
      try save(both[0], to: folder)
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { for count in 0..<60 { try self.save(both[count % 2], to: folder) } }
        group.addTask {
          for _ in 0..<200 {
            let read = try AdapterWeights(peft: folder)
            if !both.contains(where: { $0.sites == read.sites }) { Issue.record("a mixture") }
          }
        }
        try await group.waitForAll()
      }
      #expect(try names(place) == ["out"])
    }
  }
}
