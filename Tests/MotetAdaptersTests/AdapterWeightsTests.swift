import Foundation
import MotetAdapters
import MotetFormats
import Testing

/// A folder that is gone when the test is.
func withTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("motet-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}

@Suite struct AdapterWeightsTests {
  let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../Fixtures/merge")

  @Test func deltaIsScaleTimesBTimesA() throws {
    let weights = try LowRankWeights(
      rank: 2, inputs: 3, outputs: 2, loraA: [1, 2, 3, 4, 5, 6], loraB: [1, 0, -1, 2], scale: 0.5)
    #expect(weights.delta() == [0.5, 1, 1.5, 3.5, 4, 4.5])
  }

  @Test func aFolderOfPEFTGivesTheDeltasPEFTComputes() throws {
    let adapter = try AdapterWeights(peft: fixtures.appendingPathComponent("peft"))
    let data = try Data(contentsOf: fixtures.appendingPathComponent("peft-deltas.json"))
    let expected = try JSONDecoder().decode([String: [Float]].self, from: data)
    #expect(adapter.siteNames == expected.keys.sorted())
    #expect(adapter.sites.count == 4)
    for (site, delta) in expected {
      #expect(largestDifference(adapter.sites[site]!.delta(), delta) < 1e-6, "\(site)")
    }
    #expect(adapter.sites["layers.1.self_attn.q_proj"]?.rank == 2)
    #expect(adapter.isRankStabilized)
  }

  @Test func writingAndReadingKeepsEveryBit() throws {
    let sites = try [
      "layers.0.self_attn.q_proj": noisyWeights(rank: 4, inputs: 8, outputs: 8, seed: 1),
      "layers.1.self_attn.q_proj": noisyWeights(rank: 2, inputs: 8, outputs: 8, seed: 2),
      "layers.1.mlp.down_proj": noisyWeights(rank: 4, inputs: 12, outputs: 8, scale: 0.75, seed: 3),
    ]
    for stabilized in [false, true] {
      let adapter = try AdapterWeights(sites: sites, baseModel: "tiny", isRankStabilized: stabilized)
      let read = try withTemporaryFolder { folder in
        try adapter.write(to: folder)
        return try AdapterWeights(peft: folder)
      }
      #expect(read == adapter)
    }
  }

  @Test func ranksAndAlphasOfTheirOwnBecomePatterns() throws {
    let adapter = try AdapterWeights(sites: [
      "layers.0.self_attn.q_proj": noisyWeights(rank: 4, inputs: 8, outputs: 8, scale: 2, seed: 1),
      "layers.1.self_attn.q_proj": noisyWeights(rank: 4, inputs: 8, outputs: 8, scale: 2, seed: 2),
      "layers.2.self_attn.q_proj": noisyWeights(rank: 2, inputs: 8, outputs: 8, scale: 2, seed: 3),
      "layers.3.self_attn.q_proj": noisyWeights(rank: 4, inputs: 8, outputs: 8, scale: 0.5, seed: 4),
    ])
    let configuration = adapter.configuration
    #expect(configuration.rank == 4)
    #expect(configuration.alpha == 8)
    #expect(configuration.rankPattern == ["layers.2.self_attn.q_proj": 2])
    #expect(
      configuration.alphaPattern == ["layers.2.self_attn.q_proj": 4, "layers.3.self_attn.q_proj": 2])
    #expect(configuration.targetModules == .list(["q_proj"]))
    #expect(configuration.layersToTransform == [0, 1, 2, 3])
    #expect(adapter.parameterCount == 3 * 64 + 32)
    #expect(adapter.bytes == 4 * adapter.parameterCount)
  }

  @Test func theConfigurationTargetsTheSitesAndNoOthers() throws {
    let site = try noisyWeights(rank: 2, inputs: 4, outputs: 4, seed: 1)
    let upper = try AdapterWeights(sites: [
      "layers.2.self_attn.q_proj": site, "layers.3.self_attn.q_proj": site,
    ])
    #expect(upper.configuration.layersToTransform == [2, 3])
    let ragged = try AdapterWeights(sites: [
      "layers.0.self_attn.q_proj": site, "layers.1.self_attn.k_proj": site,
    ])
    #expect(
      ragged.configuration.targetModules
        == .list(["layers.0.self_attn.q_proj", "layers.1.self_attn.k_proj"]))
    #expect(ragged.configuration.layersToTransform == nil)
  }

  @Test func valuesThatCannotBeAreRefused() throws {
    #expect(throws: AdapterWeightsError.noSites) { try AdapterWeights(sites: [:]) }
    #expect(throws: AdapterWeightsError.emptyShape(site: "s", rank: 0, inputs: 2, outputs: 2)) {
      try LowRankWeights(rank: 0, inputs: 2, outputs: 2, loraA: [], loraB: [], scale: 1, site: "s")
    }
    #expect(
      throws: AdapterWeightsError.wrongCount(site: "s", factor: "lora_B", rows: 2, columns: 1, count: 3)
    ) {
      try LowRankWeights(
        rank: 1, inputs: 2, outputs: 2, loraA: [1, 2], loraB: [1, 2, 3], scale: 1, site: "s")
    }
    #expect(
      throws: AdapterWeightsError.notFinite(
        site: "s", factor: "lora_A", row: 1, column: 0, value: .infinity)
    ) {
      try LowRankWeights(
        rank: 2, inputs: 2, outputs: 1, loraA: [1, 2, .infinity, 4], loraB: [1, 2], scale: 1, site: "s")
    }
    #expect(throws: AdapterWeightsError.self) {
      try LowRankWeights(rank: 1, inputs: 1, outputs: 1, loraA: [1], loraB: [1], scale: .nan)
    }
    #expect(throws: AdapterWeightsError.self) {
      try LowRankWeights(
        rank: .max, inputs: 4, outputs: 1, loraA: [1], loraB: [1], scale: 1)
    }
  }

  @Test func aConfigurationWithAnotherScaleIsRefusedBeforeAnythingIsWritten() throws {
    let adapter = try AdapterWeights(sites: [
      "layers.0.self_attn.q_proj": noisyWeights(rank: 4, inputs: 8, outputs: 8, scale: 2, seed: 1)
    ])
    try withTemporaryFolder { folder in
      let wrong = PEFTConfiguration(rank: 4, alpha: 4, targetModules: .list(["q_proj"]))
      #expect(throws: AdapterWeightsError.self) { try adapter.write(to: folder, configuration: wrong) }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
      let right = PEFTConfiguration(rank: 4, alpha: 8, targetModules: .list(["q_proj"]), dropout: 0.05)
      try adapter.write(to: folder, configuration: right)
      #expect(try PEFTConfiguration(contentsOf: folder).dropout == 0.05)
    }
  }

  @Test func aRecordNeverStaysBesideOtherWeights() throws {
    let adapter = try AdapterWeights(sites: [
      "layers.0.self_attn.q_proj": noisyWeights(rank: 4, inputs: 8, outputs: 8, seed: 1)
    ])
    try withTemporaryFolder { folder in
      try adapter.write(to: folder, record: AdapterRecord(motet: "1"))
      let hash = try AdapterRecord.read(from: folder)?.weightsHash
      #expect(hash?.count == 64)
      #expect(try hash == AdapterRecord.hash(of: folder))
      try adapter.write(to: folder)
      #expect(try AdapterRecord.read(from: folder) == nil)
    }
  }
}
