import MotetAdapters
import MotetModels
import MotetTensor
import MotetTraining
import Testing

@Suite struct TrainerTests {
  private func train(
    _ base: BaseModel, method: LoRA = LoRA(rank: 4), seed: UInt64 = 0, learningRate: Double = 5e-3,
    epochs: Double = 2, from start: AdapterWeights? = nil
  ) async throws -> TrainingResult {
    let options = TrainingOptions(epochs: epochs, batchRows: 4, learningRate: learningRate, seed: seed)
    return try await Trainer(base, method: method, options: options)
      .train(on: TinyModel.data(12), from: start, evaluation: TinyModel.data(12))
  }

  @Test func ranksAndAlphasOfSingleModulesAreThoseOfPEFTsPatterns() async throws {
    let base = try await TinyModel.load()
    var method = LoRA(rank: 4, alpha: 8)
    method.rankPattern = ["q_proj": 2, #"layers\.1\.mlp\..*"#: 3]
    method.alphaPattern = ["layers.0.self_attn.v_proj": 12]
    let result = try await Trainer(base, method: method, options: TrainingOptions(batchRows: 2))
      .train(on: TinyModel.data(4))
    let sites = result.adapter.weights.sites
    #expect(sites["layers.0.self_attn.q_proj"]?.rank == 2 && sites["layers.0.self_attn.q_proj"]?.scale == 4)
    #expect(sites["layers.1.mlp.down_proj"]?.rank == 3 && sites["layers.0.mlp.down_proj"]?.rank == 4)
    #expect(sites["layers.0.self_attn.v_proj"]?.scale == 3 && sites["layers.1.self_attn.v_proj"]?.scale == 2)
    let folder = try TrainingFolder()
    try result.adapter.weights.write(to: folder.url)
    #expect(try AdapterWeights(peft: folder.url).sites == sites)
  }

  @Test(arguments: [
    (["w_proj": 2], "the pattern \"w_proj\" matches no adapted module"),
    (["q_proj": 0], "rank 0 does not fit"),
    (["k_proj": 33], "rank 33 does not fit layers.0.self_attn.k_proj: choose 1 to 32"),
  ])
  func ranksThatFitNoModuleAreRefused(pattern: [String: Int], reason: String) async throws {
    let base = try await TinyModel.load()
    var method = LoRA(rank: 4)
    method.rankPattern = pattern
    let error = #expect(throws: LoRAError.self) { try method.sites(of: base) }
    #expect(error?.description.contains(reason) == true)
  }

  @Test(arguments: [Precision.f32, .bf16].filter(\.isAvailable))
  func trainingLearnsAndChangesNoByteOfTheBase(precision: Precision) async throws {
    let base = try await TinyModel.load(precision)
    let before = await base.fingerprint()
    let result = try await train(base)
    let after = await base.fingerprint()
    #expect(before == after)
    #expect(result.fingerprint == before)
    #expect(result.events.count == 6)
    let (first, last) = (try #require(result.evalBefore).value, try #require(result.evalAfter).value)
    #expect(last < first - 0.3)
  }

  @Test func aSeedReproducesAnAdapterBitForBit() async throws {
    let base = try await TinyModel.load()
    for dropout: Float in [0, 0.2] {
      let method = LoRA(rank: 4, dropout: dropout)
      let first = try await train(base, method: method, seed: 3).adapter.weights
      let again = try await train(base, method: method, seed: 3).adapter.weights
      let other = try await train(base, method: method, seed: 4).adapter.weights
      #expect(first == again)
      #expect(first != other)
    }
  }

  @Test func dropoutTrainsAndIsOffWhenItIsMeasured() async throws {
    let base = try await TinyModel.load()
    let plain = try await train(base)
    let dropped = try await train(base, method: LoRA(rank: 4, dropout: 0.3))
    #expect(dropped.adapter.weights != plain.adapter.weights)
    #expect(try #require(dropped.evalAfter).value < #require(dropped.evalBefore).value - 0.3)
    let examples = try TinyModel.data(12).examples(for: base)
    let again = try await base.nll(of: examples, mix: Mix(dropped.adapter))
    #expect(abs(again.value - (try #require(dropped.evalAfter).value)) < 1e-6)
  }

  @Test func aRunGoesOnFromGivenWeights() async throws {
    let base = try await TinyModel.load()
    let first = try await train(base)
    let second = try await train(base, from: first.adapter.weights)
    let (reached, began) = (try #require(first.evalAfter).value, try #require(second.evalBefore).value)
    #expect(abs(reached - began) < 1e-6)
    #expect(try #require(second.evalAfter).value < reached)
  }

  @Test @Compute func onlyChosenLayersAndModulesAreTrained() async throws {
    let base = try await TinyModel.load()
    let method = LoRA(rank: 2, targets: .modules(["q_proj", "down_proj"]), layers: 1...1)
    let result = try await train(base, method: method)
    #expect(result.adapter.weights.siteNames == ["layers.1.mlp.down_proj", "layers.1.self_attn.q_proj"])
    for site in result.adapter.weights.sites.values { #expect(site.loraB.contains { $0 != 0 }) }
  }

  @Test @Compute func gradientsStopAtTheLowestAdaptedLayer() async throws {
    let base = try await TinyModel.load()
    let tokens: [Int32] = [5, 6, 7]
    let row = { (mix: BoundMix) in [BatchRow(tokens: tokens, mix: mix)] }
    let upper = TrainableLoRA(
      try LoRA(rank: 2, targets: .modules(["down_proj"]), layers: 1...1).initialWeights(for: base, seed: 1),
      on: base)
    let tape = Tape(recording: true)
    let label = BaseModel.Label(position: 1, token: 9, scale: 1)
    _ = try base.losses(row(upper.mix), labels: [label], on: tape)
    let all = TrainableLoRA(try LoRA(rank: 2).initialWeights(for: base, seed: 1), on: base)
    let longer = Tape(recording: true)
    _ = try base.losses(row(all.mix), labels: [label], on: longer)
    let none = Tape(recording: true)
    _ = try base.losses(row(.base), labels: [label], on: none)
    #expect(none.recordedSteps == 0)
    #expect(tape.recordedSteps > 0)
    // The adapted product, the gather, the norm and the head of one layer, against two whole layers.
    #expect(tape.recordedSteps <= 4)
    #expect(longer.recordedSteps >= 14)
  }

  @Test func aRateThatBreaksTheRunIsReported() async throws {
    let base = try await TinyModel.load()
    let error = await #expect(throws: (any Error).self) {
      try await train(base, learningRate: 1e30, epochs: 4)
    }
    guard case .diverged(let step)? = error as? TrainingError else {
      Issue.record("\(error.map { "\($0)" } ?? "nothing")")
      return
    }
    #expect(step >= 2)
  }

  @Test func partOfAnEpochTakesItsShareOfTheRows() async throws {
    let base = try await TinyModel.load()
    let options = TrainingOptions(epochs: 1.5, batchRows: 4, shuffles: false)
    let data = TinyModel.data(10)
    let result = try await Trainer(base, method: LoRA(rank: 1), options: options).train(on: data)
    let lengths = try data.examples(for: base).map(\.tokens.count)
    let parts = [0..<4, 4..<8, 8..<10, 0..<4, 4..<5]
    #expect(result.events.map(\.tokens) == parts.map { lengths[$0].reduce(0, +) })
  }

  @Test func optionsThatCannotBeAreRefusedByName() async throws {
    let base = try await TinyModel.load()
    let wrong: [(TrainingOptions, String)] = [
      (TrainingOptions(epochs: 0), "epochs"), (TrainingOptions(batchRows: 0), "batch"),
      (TrainingOptions(learningRate: .nan), "lr"), (TrainingOptions(warmup: 2), "warmup"),
      (TrainingOptions(weightDecay: -1), "weight-decay"), (TrainingOptions(clip: -1), "clip"),
      (TrainingOptions(maximumLength: 1), "max-length"),
    ]
    for (options, name) in wrong {
      let error = await #expect(throws: TrainingError.self) {
        try await Trainer(base, options: options).train(on: TinyModel.data(2))
      }
      #expect("\(error.map { "\($0)" } ?? "")".hasPrefix("--\(name) "))
    }
  }
}
