import Foundation
import MotetAdapters
import MotetFormats
import MotetModels
import MotetTensor
import Testing

/// Adapters as PEFT saves them beside plain LoRA: Tests/Fixtures/incoming, made through Tests/Fixtures/incoming.py.
@Suite struct IncomingAdapterTests {
  private static let fixtures = TinyModel.folder.appending(path: "../incoming").standardizedFileURL

  private func expected(_ name: String) throws -> [Float] {
    try SafetensorsFile(contentsOf: Self.fixtures.appending(path: "expected.safetensors")).tensor(name)
      .floats()
  }

  private func sequence() throws -> [Int32] {
    struct Expected: Decodable { let sequence: [Int32] }
    return try JSONDecoder().decode(
      Expected.self, from: Data(contentsOf: Self.fixtures.appending(path: "expected.json"))
    ).sequence
  }

  /// A copy of an adapter's folder with members of its configuration replaced and tensors changed.
  private func changed(
    _ name: String, to folder: URL, _ members: [String: JSONValue] = [:],
    _ change: (StoredTensor) throws -> SafetensorsWriter.Tensor? = { .init(copying: $0) }
  ) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let source = Self.fixtures.appending(path: name)
    let config = try JSONValue.object(contentsOf: source.appending(path: "adapter_config.json"))
    try Data(JSONValue.object(config.merging(members) { $1 }).text().utf8).write(
      to: folder.appending(path: "adapter_config.json"))
    let file = try SafetensorsFile(contentsOf: source.appending(path: "adapter_model.safetensors"))
    try SafetensorsWriter.write(
      file.names.compactMap { try change(file.tensor($0)) },
      to: folder.appending(path: "adapter_model.safetensors"))
  }

  private func problem(_ folder: URL, on base: BaseModel) -> String {
    do {
      _ = try Adapter.load(folder, name: "a", for: base)
      return ""
    } catch { return "\(error)" }
  }

  @Compute private func nll(_ base: BaseModel, _ tokens: [Int32], _ mix: BoundMix) throws -> Float {
    let labels = (1..<tokens.count).map { BaseModel.Label(position: $0 - 1, token: tokens[$0], scale: 1) }
    let losses = try base.losses(
      [BatchRow(tokens: tokens, mix: mix)], labels: labels, on: Tape(recording: false))
    return losses.reduce(0, +) / Float(losses.count)
  }

  @Test(arguments: ["head-lora", "bias-all", "along"]) @Compute
  func anAdapterThatPEFTLoadsGivesPEFTsLogits(name: String) async throws {
    let base = try await TinyModel.load()
    let adapter = try Adapter.load(Self.fixtures.appending(path: name), for: base)
    let tokens = try sequence()
    let logits = try base.wholeLogits(tokens, mix: Mix(adapter)).suffix(3 * 288)
    #expect(largestDifference(Array(logits), try expected("logits.\(name)")) < 1e-3)
    let bound = try Mix(adapter).bound(to: base)
    #expect(abs(try nll(base, tokens, bound) - expected("nll.\(name)")[0]) < 1e-4)
    #expect(adapter.notes.isEmpty == (name == "bias-all"))
  }

  @Test @Compute func anUpdateOfTheHeadIsItsOwnRowsAlone() async throws {
    let base = try await TinyModel.load()
    let adapter = try Adapter.load(Self.fixtures.appending(path: "head-lora"), for: base)
    let half = try Mix([(adapter, 0.5)]).bound(to: base)
    let whole = try Mix(adapter).bound(to: base)
    let tokens = try sequence()
    let rows = [
      BatchRow(tokens: tokens, mix: half), BatchRow(tokens: tokens, mix: .base),
      BatchRow(tokens: tokens, mix: whole),
    ]
    let positions = [11, 23, 35]
    let together = try base.logits(rows, at: positions, on: Tape(recording: false)).values
    let alone = try rows.flatMap {
      try base.logits([$0], at: [11], on: Tape(recording: false)).values
    }
    #expect(largestDifference(together, alone) < 1e-4)
    let prepared = PreparedAdapter(adapter, for: base)
    let served = try base.logits(
      [BatchRow(tokens: tokens, mix: try BoundMix([(prepared, 1)], to: base))], at: [11],
      on: Tape(recording: false)
    ).values
    #expect(largestDifference(served, Array(alone.suffix(288))) < 1e-4)
  }

  @Test @Compute func anUpdateOfTheHeadIsFusedIntoAHeadOfItsOwn() async throws {
    let base = try await TinyModel.load()
    let adapter = try Adapter.load(Self.fixtures.appending(path: "head-lora"), for: base)
    let tokens = try sequence()
    try await TinyModel.withFolder { place in
      try FusedModel(base, mix: Mix(adapter)).write(to: place.appending(path: "fused"))
      let fused = try await TinyModel.load(place.appending(path: "fused"))
      #expect(!fused.configuration.tieWordEmbeddings)
      let logits = try fused.wholeLogits(tokens, mix: .base).suffix(3 * 288)
      #expect(largestDifference(Array(logits), try expected("logits.head-lora")) < 1e-3)
    }
  }

  @Test @Compute func nothingTrainsOnTopOfAnUpdateOfTheHead() async throws {
    let base = try await TinyModel.load()
    let adapter = try Adapter.load(Self.fixtures.appending(path: "head-lora"), for: base)
    #expect(!adapter.weights.trainsWhole)
    let row = BatchRow(tokens: try sequence(), mix: try Mix(adapter).bound(to: base))
    #expect(throws: ModelError.headUpdate) {
      try base.losses([row], labels: [.init(position: 1, token: 5, scale: 1)], on: Tape(recording: true))
    }
  }

  @Test func aTensorOfTheBaseThatWasTrainedIsRefusedByName() async throws {
    let base = try await TinyModel.load()
    try await TinyModel.withFolder { place in
      try changed("along", to: place) { tensor in
        guard tensor.name.contains("lm_head") else { return .init(copying: tensor) }
        let values = try tensor.floats().enumerated().map { $0 == 70 ? $1 + 0.25 : $1 }
        return .init(name: tensor.name, shape: tensor.shape) { values }
      }
      let message = problem(place, on: base)
      #expect(message.contains("lm_head.weight with other values"), "\(message)")
    }
    try await TinyModel.withFolder { place in
      try changed("along", to: place) { tensor in
        guard tensor.name.contains("lm_head") else { return .init(copying: tensor) }
        let values = try tensor.floats() + [Float](repeating: 0, count: 64)
        return .init(name: tensor.name, shape: [289, 64]) { values }
      }
      let message = problem(place, on: base)
      #expect(message.contains("[288, 64] in the base and [289, 64]"), "\(message)")
    }
  }

  @Test func aModuleOfTheBaseWithoutTensorsIsRefusedByName() async throws {
    let base = try await TinyModel.load()
    try await TinyModel.withFolder { place in
      try changed("bias-all", to: place) { $0.name.contains("layers.1.") ? nil : .init(copying: $0) }
      let message = problem(place, on: base)
      #expect(message.contains("layers.1.self_attn.v_proj") && message.contains("no tensors"), "\(message)")
    }
  }

  /// Configurations of other methods that their tensors do not bear out.
  @Test func everyMethodsConfigurationHasToAgreeWithItsTensors() async throws {
    let base = try await TinyModel.load()
    let strings = { (names: [String]) in JSONValue.array(names.map { .string($0) }) }
    let all = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    let cases: [(adapter: String, members: [String: JSONValue], says: String)] = [
      ("methods/ia3/adapter", ["target_modules": strings(["k_proj", "v_proj"])], "down_proj"),
      ("methods/ia3/adapter", ["feedforward_modules": strings([])], "feedforward_modules"),
      ("methods/vera-peft", ["target_modules": strings(Array(all.dropLast()))], "down_proj"),
      ("methods/adalora-peft", ["target_modules": strings(all + ["lm_head"])], "'lm_head'"),
      ("methods/dora/adapter", ["use_dora": .bool(false)], "use_dora"),
      ("methods/dora/adapter", ["target_modules": strings(Array(all.dropFirst()))], "q_proj"),
      ("virtual/prompt", ["token_dim": .int(32)], "token_dim"),
      ("virtual/prompt", ["num_virtual_tokens": .int(6)], "6 virtual tokens"),
      ("virtual/prefix", ["num_layers": .int(3)], "token_dim"),
      ("bottleneck/gelu", ["bottleneck_size": .int(9)], "bottleneck_size"),
      ("tiny/adapter", ["r": .int(8)], "rank 8"), ("tiny/adapter", ["peft_type": .string("LOHA")], "'LOHA'"),
      ("tiny/adapter", ["peft_type": .string("IA3")], "ia3_l"),
    ]
    for (name, members, says) in cases {
      try await TinyModel.withFolder { place in
        try changed("../" + name, to: place)
        #expect(problem(place, on: base) == "", "\(name) as it is")
        try changed("../" + name, to: place, members)
        let message = problem(place, on: base)
        #expect(message.contains(says), "\(name): \(message)")
      }
    }
  }

  // MARK: The library

  @Test func aFolderIsAddedToTheLibraryWithWhereItCameFrom() async throws {
    let base = try await TinyModel.load()
    try await TinyModel.withFolder { place in
      let library = AdapterLibrary(root: place.appending(path: "library"))
      let folder = place.appending(path: "runs/checkpoint-8")
      try changed("along", to: folder)
      try Data("x".utf8).write(to: folder.appending(path: "optimizer.pt"))
      let added = try library.add("math", copying: place.appending(path: "runs"), for: base)
      #expect(added.entry.description == "math@1")
      #expect(added.left == ["optimizer.pt"])
      #expect(added.notes.count == 1)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: added.entry.folder.path).sorted()
          == ["adapter_config.json", "adapter_model.safetensors", "motet.json"])
      let record = try #require(try added.entry.record())
      #expect(record.origin == folder.standardizedFileURL.path)
      #expect(record.base?.name == "tiny")
      #expect(library.verify(added.entry).isSound)
      #expect(try library.add("math", copying: folder).entry.version == 2)
      _ = try Adapter.load(added.entry.folder, for: base)
    }
  }

  @Test func whatDoesNotFitIsNotAdded() async throws {
    let base = try await TinyModel.load()
    try await TinyModel.withFolder { place in
      let library = AdapterLibrary(root: place.appending(path: "library"))
      let folder = place.appending(path: "a")
      try changed("bias-all", to: folder) { $0.name.contains("layers.1.") ? nil : .init(copying: $0) }
      #expect(throws: ModelError.self) { try library.add("math", copying: folder, for: base) }
      #expect(throws: (any Error).self) { try library.add("no/name", copying: folder) }
      #expect(throws: (any Error).self) { try library.add("math", copying: place.appending(path: "none")) }
      #expect(try library.entries().isEmpty)
    }
  }
}
