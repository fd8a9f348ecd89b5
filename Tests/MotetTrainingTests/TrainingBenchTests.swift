import MotetAdapters
import MotetModels
import MotetTensor
import Testing

@testable import MotetTraining

/// What the bench counts, and that it trains.
@Suite struct TrainingBenchTests {
  @Test func operationsAreThoseCountedByHand() async throws {
    let base = try await TinyModel.load()
    let c = base.configuration
    let method = LoRA(rank: 2)
    let cost = TrainingCost(
      base: base, adapted: try method.sites(of: base).map { ($0, 2) }, lengths: [3, 5], labels: 4)
    #expect(cost.head == Double(4 * 4 * c.hiddenSize * c.vocabulary))
    // 3 sees 1 + 2 + 3 positions, 5 sees 15; two products forward and five back, two operations each.
    #expect(cost.attention == Double(14 * (6 + 15) * 64 * c.layers))
    let sites = base.sites.map { (site: $0, values: $0.inputs * $0.outputs) }
    let both = sites.reduce(0) { $0 + 2 * 2 * 8 * $1.values }
    let neverAsked = sites.filter {
      $0.site.layer == 0 && ["q_proj", "k_proj", "v_proj"].contains($0.site.module)
    }
    .reduce(0) { $0 + 2 * 8 * $1.values }
    #expect(neverAsked > 0)
    #expect(cost.layers == Double(both - neverAsked))
    let factors = sites.reduce(0) { $0 + 2 * ($1.site.inputs + $1.site.outputs) }
    #expect(cost.lowRank == Double(6 * 8 * factors))
  }

  @Test func aRunTrainsAndItsPartsMakeUpItsTime() async throws {
    let base = try await TinyModel.load()
    let batches = TrainingBench.randomBatches(
      steps: 12, rows: 2, length: 16, vocabulary: base.configuration.vocabulary)
    let same = batches.map { _ in batches[0] }
    let bench = TrainingBench(base, method: LoRA(rank: 4), tokensPerPass: 16)
    let early = try await bench.run(Array(same.prefix(1)))
    let late = try await bench.run(same)
    #expect(late.tokens == 12 * 2 * 16)
    #expect(late.labels == 12 * 2 * 16)
    #expect(late.loss < early.loss, "the same rows again and again are learnt")
    let parts = late.breakdown.values.reduce(0, +)
    #expect(abs(parts - late.seconds) < 1e-6 + 1e-9 * late.seconds)
    #expect(late.breakdown["rest"].map { $0 >= 0 } == true)
  }

  @Test func layersRunAgainTrainTheSameAdapter() async throws {
    let base = try await TinyModel.load()
    func train(again: Bool) async throws -> AdapterWeights? {
      var run = try Trainer(base, method: LoRA(rank: 4), options: TrainingOptions(batchRows: 3))
        .run(on: TinyModel.data(9))
      run.checkpointsActivations = again
      return try await run.train().first?.result?.adapter.weights
    }
    let whole = try await train(again: false)
    let again = try await train(again: true)
    let isSame = whole != nil && whole == again
    #expect(isSame)
  }

  @Test func aSyntheticModelIsWhatItsShapeSays() async throws {
    let words = try HuggingFaceFolder(TinyModel.folder.appending(path: "model"))
    let model = try SyntheticModel(.small, words: words)
    #expect(try model.shape("model.layers.3.self_attn.k_proj.weight") == [192, 576])
    let values = try model.floats("model.layers.3.self_attn.k_proj.weight")
    let variance = values.reduce(0.0) { $0 + Double($1 * $1) } / Double(values.count)
    #expect(abs(variance * 576 - 1) < 0.05)
    let isRepeated = try model.floats("model.layers.3.self_attn.k_proj.weight") == values
    #expect(isRepeated)
  }
}
