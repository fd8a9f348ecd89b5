import Foundation
import MotetFormats
import MotetTensor
import Testing

@testable import MotetModels

/// A base rounded to NF4 by what its matrices take.
@Suite struct CalibrationTests {
  private static func rows(_ count: Int, seed: UInt64) -> [[Int32]] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in (0..<40).map { _ in Int32.random(in: 0..<120, using: &generator) } }
  }

  private func calibrated(_ rows: [[Int32]]) async throws -> BaseModel {
    try await BaseModel.load(TinyModel.source(), name: "tiny", roundedBy: rows)
  }

  /// Σ (difference of what layers give)² to the original with the same embedding, over texts that were not calibrated on.
  private func distance(of base: BaseModel) async throws -> Double {
    let rows = Self.rows(6, seed: 99)
    var source = ChangedSource(try TinyModel.source())
    let tokens = (0..<Int32(base.configuration.vocabulary)).map { $0 }
    let table = await Compute.run { base.embeddings(of: tokens) }
    source.change = { name, values in name.hasPrefix("model.embed_tokens") ? table : values }
    func states(_ base: BaseModel) async throws -> [Float] {
      try await Compute.run {
        try base.hiddenStates(
          rows.map { BatchRow(tokens: $0, mix: .base) }, on: Tape(recording: false)
        ).values
      }
    }
    let (own, wide) = (try await states(base), try await states(try await TinyModel.load(source, .f32)))
    return zip(own, wide).reduce(0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
  }

  /// Σ (difference of logits)² where heads alone differ.
  private func headDistance(of base: BaseModel) async throws -> Double {
    let original = try await TinyModel.load()
    let states = try await Compute.run {
      try original.labelStates(
        Self.rows(6, seed: 98).map { BatchRow(tokens: $0, mix: .base) }, at: Array(0..<240),
        on: Tape(recording: false))[0].states
    }
    func logits(_ base: BaseModel) async throws -> [Float] {
      try await Compute.run { try Tape(recording: false).logits(states, head: base.weights.head).values }
    }
    let (own, wide) = (try await logits(base), try await logits(original))
    return zip(own, wide).reduce(0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
  }

  @Test func layersAndHeadGiveNearerValuesThanWhereEachValueIsRoundedByItself() async throws {
    let plain = try await TinyModel.load(TinyModel.source(), .nf4)
    let own = try await calibrated(Self.rows(40, seed: 1))
    let layers = (try await distance(of: own), try await distance(of: plain))
    let heads = (try await headDistance(of: own), try await headDistance(of: plain))
    print("layers \(layers), heads \(heads)")
    #expect(layers.0 < 0.8 * layers.1)
    #expect(heads.0 < 0.8 * heads.1)
  }

  /// The head, which embeds too, and the matrices that gain most have five bits a value.
  @Test func someMatricesAreRoundedToFiveBits() async throws {
    let own = try await calibrated(Self.rows(8, seed: 4))
    let modules = await Self.finer(own)
    #expect(modules == ["down_proj", "k_proj", "lm_head", "up_proj", "v_proj"])
    let tokens = (0..<Int32(own.configuration.vocabulary)).map { $0 }
    let (table, looked) = await Compute.run {
      (own.weights.tables.embedding.floats(), own.embeddings(of: tokens))
    }
    let isSame = table == looked
    #expect(isSame)
  }

  /// Modules whose matrices have a fifth bit in every layer, sorted.
  @Compute private static func finer(_ base: BaseModel) -> [String] {
    var all: [String: Set<Bool>] = ["lm_head": Set(base.weights.head.nf4Parts.map(\.hasFifthBits))]
    for group in base.layers.flatMap(\.groups) {
      for (member, part) in zip(group.members, group.matrix.nf4Parts) {
        all[base.sites[member.index].module, default: []].insert(part.hasFifthBits)
      }
    }
    return all.filter { $0.value == [true] }.keys.sorted()
  }

  /// Head and fifth bits, as the folder keeps them.
  private func saved(_ body: (URL, URL) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "motet-cal-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let base = try await calibrated(Self.rows(8, seed: 2))
    try await Compute.run { try QuantizedModel(base).write(to: folder) }
    try await body(folder, folder.appending(path: HuggingFaceFolder.tableFile))
  }

  @Test func aTableThatWasCutShortOrFitsAnotherModelIsNamed() async throws {
    try await saved { folder, table in
      let whole = try Data(contentsOf: table)
      try whole.prefix(whole.count - 100).write(to: table)
      await #expect { _ = try await BaseModel.load(folder.path) } throws: {
        "\($0)".contains(HuggingFaceFolder.tableFile)
      }
      let name = "model.embed_tokens.weight"
      let other = NF4Matrix(quantizing: [Float](repeating: 1, count: 64 * 64), outputs: 64, inputs: 64)
      try SafetensorsWriter.write(StoredNF4.tensors(name, of: other), to: table)
      await #expect { _ = try await BaseModel.load(folder.path) } throws: {
        if case ModelError.wrongShape(name, _, _, _) = $0 { true } else { false }
      }
    }
  }

  @Test func aFolderWithoutItsTableIsRefused() async throws {
    try await saved { folder, table in
      try FileManager.default.removeItem(at: table)
      await #expect { _ = try await BaseModel.load(folder.path) } throws: {
        "\($0)".contains(HuggingFaceFolder.tableFile)
      }
    }
  }

  @Test func fifthBitsOfAnotherMatrixAreNamed() async throws {
    try await saved { folder, table in
      let name = "model.layers.0.mlp.up_proj.weight"
      try SafetensorsWriter.write([StoredNF4.fifthBits(name, Data(count: 5))], to: table)
      await #expect { _ = try await BaseModel.load(folder.path) } throws: {
        "\($0)".contains(HuggingFaceFolder.tableFile) && "\($0)".contains(name)
      }
    }
  }

  /// A copy of weights begins from what the base's rows go through, fifth bits included.
  @Test func aCopyOfACalibratedBaseBeginsFromItsValues() async throws {
    try await saved { folder, _ in
      let base = try await BaseModel.load(folder.path)
      for path in ["layers.1.mlp.down_proj", "layers.0.self_attn.o_proj"] {
        let site = try #require(base.sites.firstIndex { $0.path == path })
        let own = await Compute.run {
          base.layers.flatMap(\.groups).first { $0.members.contains { $0.index == site } }?.matrix.floats()
        }
        let begun = try base.source.floats("model.\(path).weight")
        let isSame = own == begun
        #expect(isSame, "\(path)")
      }
    }
  }

  @Test func aSavedBaseIsTheOneThatWasCalibratedAndFitsTheOriginal() async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "motet-cal-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let base = try await calibrated(Self.rows(8, seed: 2))
    try await Compute.run { try QuantizedModel(base).write(to: folder) }
    let loaded = try await BaseModel.load(folder.path)
    #expect(loaded.precision == .nf4)
    let (own, again) = (await base.fingerprint(), await loaded.fingerprint())
    #expect(own == again)
    #expect(loaded.identity.sketch == base.identity.sketch)
    let original = try await TinyModel.load()
    #expect(original.identity.mismatch(with: loaded.identity) == nil)
    let plain = try await TinyModel.load(TinyModel.source(), .nf4)
    let (size, plainSize) = (await loaded.byteCount, await plain.byteCount)
    let finer = (await Self.finer(loaded), await Self.finer(base))
    #expect(finer.0 == finer.1 && finer.0.count > 1)
    #expect(size > plainSize && size < plainSize * 2)
    let table = folder.appending(path: HuggingFaceFolder.tableFile).path
    #expect(FileManager.default.fileExists(atPath: table))
    // A base whose values were each rounded by themselves needs no second file.
    let simple = folder.appending(path: "simple")
    try await Compute.run { try QuantizedModel(plain).write(to: simple) }
    #expect(!FileManager.default.fileExists(atPath: simple.appending(path: HuggingFaceFolder.tableFile).path))
    await #expect(throws: ModelError.roundedAlready(path: folder.path)) {
      try await BaseModel.load(HuggingFaceFolder(folder), name: "again", roundedBy: Self.rows(1, seed: 3))
    }
  }

  @Test func theSameRowsGiveTheSameBase() async throws {
    let rows = Self.rows(4, seed: 5)
    let (one, two) = (try await calibrated(rows), try await calibrated(rows))
    let prints = (await one.fingerprint(), await two.fingerprint())
    #expect(prints.0 == prints.1)
    let others = try await calibrated(Self.rows(4, seed: 6))
    let otherPrint = await others.fingerprint()
    #expect(otherPrint != prints.0, "other rows, other codes")
  }

  @Test func rowsThatCannotServeAreRefused() async throws {
    await #expect(throws: ModelError.noCalibration) { try await calibrated([[], []]) }
    let context = try TinyModel.source().configuration.maximumPositions
    let long = [Int32](repeating: 3, count: context + 1)
    await #expect(throws: ModelError.tooLong(tokens: context + 1, context: context)) {
      try await calibrated([long])
    }
  }

  @Test func aCancelledCalibrationEnds() async throws {
    let task = Task { try await calibrated(Self.rows(400, seed: 7)) }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }
}
