import Foundation
import MotetAdapters
import MotetModels
import Testing

@testable import MotetTraining

@Suite struct RankSuggestionTests {
  /// One number for each site.
  private func importances(
    on base: BaseModel, _ value: (AdapterSite) -> Double
  ) -> SiteImportances {
    SiteImportances(
      entries: base.sites.map { .init(site: $0, value: value($0)) }, measure: .fisher, rows: 2, labels: 9)
  }

  @Test func whatIsWrittenIsTakenByTrainingAsItIs() async throws {
    let base = try await TinyModel.load()
    let rows = try TinyModel.data(8).source(for: base)
    let found = try await base.importance(of: base.sites, on: rows)
    let suggestion = try RankSuggestion(found, budget: .uniformRank(3))
    #expect(suggestion.parameterCount <= suggestion.budget)
    #expect(Double(suggestion.parameterCount) >= 0.95 * Double(suggestion.budget))
    let folder = try TrainingFolder()
    let data = try folder.write(
      #"{"prompt": "what is 1?", "response": "the answer is 2"}"# + "\n", to: "data.jsonl")
    let pattern = try folder.write(suggestion.yaml(comment: "a\nb"), to: "ranks.yaml")
    var configuration = try RunConfiguration(contentsOf: pattern)
    try configuration.apply(flags: ["--data", data, "--output", folder.file("out").path])
    let run = try configuration.run(on: base, home: folder.url)
    let weights = try #require(try await run.train().first?.result).adapter.weights
    let wanted = zip(base.sites, suggestion.ranks).filter { $1 > 0 }
    #expect(
      weights.sites.mapValues(\.rank)
        == Dictionary(uniqueKeysWithValues: wanted.map { ($0.path, $1) }))
    #expect(weights.sites.values.allSatisfy { $0.scale == 2 })
    #expect(weights.parameterCount == suggestion.parameterCount)
    #expect(Set(weights.sites.values.map(\.rank)).count > 1)
    // Its own configuration says the same again.
    let again = try RunConfiguration(contentsOf: folder.file("out/run.yaml").path)
    #expect(try again.adapters[0].makeMethod().sites(of: base).map(\.path) == wanted.map(\.0.path))
  }

  @Test func sitesThatWereNotMeasuredAreNotAdapted() async throws {
    let base = try await TinyModel.load()
    let site = try #require(base.sites.first { $0.path == "layers.1.self_attn.q_proj" })
    let found = try await base.importance(of: [site], on: TinyModel.data(4).source(for: base))
    let suggestion = try RankSuggestion(found, budget: .uniformRank(4))
    #expect(try suggestion.lora.sites(of: base) == [site])
    // What is worth nothing does not count as the least that a budget must have room for.
    let dear = importances(on: base) { $0.module == "up_proj" ? 1 : 0 }
    let least = try #require(base.sites.map(\.valuesPerRank).min())
    #expect(throws: RankSuggestionError.self) { try RankSuggestion(dear, budget: .values(least)) }
  }

  @Test func aMatrixWithoutRanksIsLeftOutOfTheTargets() async throws {
    let base = try await TinyModel.load()
    let one = "layers.1.self_attn.q_proj"
    let found = importances(on: base) { $0.path == one || $0.module == "k_proj" ? 0 : 1 }
    let suggestion = try RankSuggestion(found, budget: .values(20_000), maximumRank: 6)
    let lora = suggestion.lora
    let paths = try lora.sites(of: base).map(\.path)
    #expect(paths == base.sites.filter { $0.path != one && $0.module != "k_proj" }.map(\.path))
    #expect(lora.targets.description.hasPrefix("layers.0.self_attn.q_proj,v_proj,"))
    for (site, rank) in zip(base.sites, suggestion.ranks) where rank > 0 {
      #expect(try lora.rank(at: site) == rank && lora.alpha(at: site) == Double(2 * rank))
    }
    // A folder with these sites is read by PEFT's rule for target_modules.
    let weights = try lora.initialWeights(for: base, seed: 0)
    for site in base.sites {
      let configuration = weights.configuration
      let isLayer = configuration.layersToTransform?.contains(site.layer) ?? true
      let isTaken = try isLayer && configuration.targetModules.matches(site.path)
      #expect(isTaken == (weights.sites[site.path] != nil), "\(site.path)")
    }
  }

  @Test func modulesThatMatterLittleForTheirCostAreNotSuggested() async throws {
    let base = try await TinyModel.load()
    let weights: [String: Double] = ["gate_proj": 0.3, "up_proj": 0.7, "v_proj": 3]
    let found = importances(on: base) { (weights[$0.module] ?? 1) * Double($0.valuesPerRank) }
    let suggestion = try RankSuggestion(found, budget: .uniformRank(8), onlyWorthwhile: true)
    let worth = suggestion.modules.filter(\.isWorthwhile).map(\.module)
    #expect(worth == ["q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj"])
    #expect(suggestion.budget == base.sites.reduce(0) { $0 + 8 * $1.valuesPerRank })
    #expect(Set(try suggestion.lora.sites(of: base).map(\.module)) == Set(worth))
    #expect(abs(suggestion.modules.reduce(0) { $0 + $1.share } - 1) < 1e-9)
    let all = try RankSuggestion(found, budget: .uniformRank(8))
    #expect(Set(try all.lora.sites(of: base).map(\.module)).contains("gate_proj"))
  }

  @Test func theTableAndThePictureHaveEveryLayerAndModule() async throws {
    let base = try await TinyModel.load()
    let found = importances(on: base) { $0.layer == 1 && $0.module == "v_proj" ? 15 : 1 }
    let suggestion = try RankSuggestion(found, budget: .uniformRank(4))
    let table = suggestion.table
    #expect(table.header.count == 8 && table.rows.map { $0[0] } == ["0", "1"])
    let flat = table.rows.flatMap { $0.dropFirst() }
    #expect(flat == suggestion.ranks.map { "\($0)" })
    let svg = suggestion.heatMap(title: "importance").svg()
    #expect(svg.contains("layer 1") && svg.contains("down_proj") && svg.contains("53.57%"))
    #expect(svg.components(separatedBy: "3.57%</text>").count >= 14)
    #expect(suggestion.moduleTable.rows.count == 7)
    #expect(suggestion.summary.contains("in 14 of 14 matrices"))
  }

  @Test func aTargetThatIsNoEndOfAPathIsRefused() async throws {
    let base = try await TinyModel.load()
    let paths = LoRA(rank: 2, targets: .modules(["self_attn.q_proj", "layers.1.mlp.up_proj"]))
    #expect(
      try paths.sites(of: base).map(\.path) == [
        "layers.0.self_attn.q_proj", "layers.1.self_attn.q_proj", "layers.1.mlp.up_proj",
      ])
    for name in ["proj", "layers.2.mlp.up_proj", "1.up_proj"] {
      #expect(throws: LoRAError.self) { try LoRA(rank: 2, targets: .modules([name])).sites(of: base) }
    }
    var settings = MethodSettings(given: [.targets])
    settings.shape.targets = .modules(["layers.0.mlp.down_proj", "v_proj"])
    let scaling = try settings.make(IA3.self) as? IA3
    #expect(scaling?.feedForward == ["down_proj"])
  }
}
