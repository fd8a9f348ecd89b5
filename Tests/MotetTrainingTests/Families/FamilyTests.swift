import Foundation
import MotetAdapters
import MotetFormats
import MotetTensor
import Testing

@testable import MotetModels
@testable import MotetTraining

/// Every family computes what transformers and PEFT compute, in f32.
@Suite struct FamilyTests {
  @Test func everyFamilyHasAFixture() {
    let families = Set(FamilyFixture.all.map(\.family))
    for architecture in Architectures.all {
      #expect(
        families.contains(architecture.name), "\(architecture.name) has no model in Tests/Fixtures/families")
    }
    #expect(FamilyFixture.ggufs.count == Architectures.all.count)
  }

  @Test(arguments: FamilyFixture.all)
  @Compute func logitsAreThoseOfTransformers(fixture: FamilyFixture) async throws {
    let base = try await fixture.load()
    let logits = try base.allLogits(try fixture.tokens("tokens"))
    #expect(relativeDifference(logits, try fixture.values("logits")) < 1e-4)
  }

  @Test(arguments: FamilyFixture.all)
  @Compute func greedyTokensAreThoseOfTransformers(fixture: FamilyFixture) async throws {
    let base = try await fixture.load()
    let prompt = Array(try fixture.tokens("tokens").prefix(6))
    let request = GenerationRequest(
      prompt: prompt, mix: .base, maximumTokens: 20, ignoresEnd: true)
    #expect(try await base.complete([request]) == [fixture.tokens("greedy")])
  }

  /// However a sequence is cut into passes.
  @Test(arguments: FamilyFixture.all)
  @Compute func keysAndValuesThatAreKeptGiveTheSame(fixture: FamilyFixture) async throws {
    let base = try await fixture.load()
    let tokens = try fixture.tokens("tokens")
    let pool = base.keyValuePool()
    let cache = KeyValueCache(in: pool)
    var logits: [Float] = []
    for range in [0..<5, 5..<6, 6..<13, 13..<tokens.count] {
      let row = BatchRow(tokens: Array(tokens[range]), mix: .base, start: range.lowerBound, cache: cache)
      logits += try base.logits([row], at: Array(0..<range.count), on: base.tape(recording: false)).values
    }
    #expect(relativeDifference(logits, try fixture.values("logits")) < 1e-4)
  }

  @Test(arguments: FamilyFixture.all)
  func modulesAreCalledAsPEFTCallsThem(fixture: FamilyFixture) async throws {
    let base = try await fixture.load()
    #expect(base.sites.map { ModulePath.module(of: $0.path) }.sorted() == (try fixture.modules()))
  }

  @Test(arguments: FamilyFixture.all)
  @Compute func anAdapterOfPEFTsAnswersAsItDoes(fixture: FamilyFixture) async throws {
    let base = try await fixture.load()
    let mix = Mix(try Adapter.load(fixture.adapter, for: base))
    let bound = try mix.bound(to: base)
    let logits = try base.allLogits(try fixture.tokens("tokens"), mix: bound)
    #expect(relativeDifference(logits, try fixture.values("adapted.logits")) < 1e-4)
    let request = GenerationRequest(
      prompt: Array(try fixture.tokens("tokens").prefix(6)), mix: bound, maximumTokens: 20, ignoresEnd: true)
    #expect(try await base.complete([request]) == [fixture.tokens("adapted.greedy")])
  }

  @Test(arguments: FamilyFixture.all)
  @Compute func gradientsAreThoseOfPEFT(fixture: FamilyFixture) async throws {
    let base = try await fixture.load()
    let weights = try Adapter.load(fixture.adapter, for: base).weights
    let method = LoRA(rank: 2, alpha: 4)
    let adapter = try method.continue(weights, on: base)
    let loss = try base.meanLoss(try fixture.tokens("tokens"), mix: adapter.mix, recording: true)
    #expect(abs(loss - Double(try fixture.values("adapted.loss")[0])) < 1e-3)
    adapter.gatherGradients()
    for (site, terms) in zip(base.sites, adapter.mix.terms) {
      for term in terms {
        for (name, parameter) in [("lora_A", term.loraA), ("lora_B", term.loraB)] {
          let key = "grad.base_model.model.\(ModulePath.module(of: site.path)).\(name).weight"
          let gradient = try #require(parameter.gradient).values
          #expect(relativeDifference(gradient, try fixture.values(key)) < 1e-3, "\(key)")
        }
      }
    }
  }

  @Test(arguments: FamilyFixture.ggufs)
  @Compute func aGGUFIsTheSameModel(fixture: FamilyFixture) async throws {
    let base = try await FamilyFixture.load(GGUFModel(fixture.gguf))
    let logits = try base.allLogits(try fixture.tokens("tokens"))
    #expect(relativeDifference(logits, try fixture.values("logits")) < 1e-4)
    #expect(try await fixture.load().identity.mismatch(with: base.identity) == nil)
  }
}
