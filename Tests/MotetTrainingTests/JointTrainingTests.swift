import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import Testing

@testable import MotetTraining

@Suite struct JointTrainingTests {
  private func jobs(on base: BaseModel, dropout: Float = 0) throws -> [TrainingJob] {
    [
      try TinyModel.job("a", TinyModel.data(12), on: base, method: LoRA(rank: 4, dropout: dropout)),
      try TinyModel.job(
        "b", TinyModel.sums(9), on: base, method: LoRA(rank: 2, targets: .modules(["q_proj", "down_proj"])),
        options: TrainingOptions(
          epochs: 1, batchRows: 2, learningRate: 1e-2, schedule: .constant, clip: nil, seed: 5)),
      try TinyModel.job(
        "c", TinyModel.data(7), on: base, method: LoRA(rank: 3, layers: 1...1),
        options: TrainingOptions(epochs: 3, batchRows: 3, accumulation: 2, learningRate: 5e-3, seed: 9)),
    ]
  }

  private func weights(_ outcome: JobOutcome) throws -> AdapterWeights {
    try #require(outcome.result).adapter.weights
  }

  @Test(arguments: [Float(0), 0.3])
  func adaptersTrainedTogetherBecomeWhatTheyBecomeAlone(dropout: Float) async throws {
    let base = try await TinyModel.load()
    let jobs = try jobs(on: base, dropout: dropout)
    let together = try await TrainingRun(base, jobs: jobs).train()
    #expect(together.map { $0.result?.events.count } == [6, 5, 6])
    for (job, outcome) in zip(jobs, together) {
      let alone = try #require(try await TrainingRun(base, jobs: [job]).train().first)
      #expect(try largestDifference(weights(alone), weights(outcome)) < 1e-4)
      let initial = try await job.freshWeights(on: base)
      #expect(try largestDifference(weights(outcome), initial) > 1e-3)
      #expect(outcome.ending == .completed)
    }
  }

  @Test func oneThatDivergesEndsAloneAndTheOthersGoOn() async throws {
    let base = try await TinyModel.load()
    var jobs = try jobs(on: base)
    jobs[1].options.learningRate = 1e30
    var told: [String] = []
    let outcomes = try await Compute.run { [jobs] in
      var told: [String] = []
      let outcomes = try await TrainingRun(base, jobs: jobs).train {
        if case .diverged(let job, _) = $0 { told.append(job) }
      }
      return (outcomes, told)
    }
    told = outcomes.1
    #expect(told == ["b"])
    guard case .diverged = outcomes.0[1].ending else {
      Issue.record("\(outcomes.0[1].ending)")
      return
    }
    #expect(outcomes.0[1].result == nil)
    for index in [0, 2] {
      let alone = try #require(try await TrainingRun(base, jobs: [jobs[index]]).train().first)
      #expect(try largestDifference(weights(alone), weights(outcomes.0[index])) < 1e-4)
    }
  }

  @Test func oneThatDivergesKeepsTheWeightsOfTheLastCheckpoint() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    var jobs = try jobs(on: base)
    // The rate rises until the weights break.
    jobs[1].options = TrainingOptions(
      epochs: 4, batchRows: 1, learningRate: 1e38, schedule: .constant, warmup: 1, clip: nil, spikeSigma: nil)
    jobs[1].start = try await jobs[1].freshWeights(on: base)
    let outcomes = try await TrainingRun(
      base, jobs: jobs, checkpoints: Checkpoints(folder: folder.file("checkpoints"), everySteps: 1)
    ).train()
    guard case .diverged(let step) = outcomes[1].ending else {
      Issue.record("\(outcomes[1].ending)")
      return
    }
    if step > 1 { #expect(outcomes[1].result?.step == step - 1) }
    #expect(outcomes[0].ending == .completed)
  }

  @Test @Compute func partsOfSeveralAdaptersShareAPassThoseWithDropoutToo() {
    func part(_ tokens: Int, owner: Int, dropout: UInt64? = nil) -> PassPart {
      PassPart(
        examples: [
          Example(
            tokens: [Int32](repeating: 1, count: tokens), labelled: [Bool](repeating: true, count: tokens),
            line: 1)
        ], mix: .base, scale: 1, owner: owner, dropoutSeed: dropout)
    }
    let passes = Pass.pack(
      [
        part(60, owner: 0), part(30, owner: 0), part(50, owner: 1, dropout: 1), part(10, owner: 1),
        part(120, owner: 2), part(40, owner: 3),
      ], limit: 100)
    #expect(passes.map { $0.map(\.owner) } == [[0, 0, 1], [1, 3], [2]])
    #expect(passes.joined().reduce(0) { $0 + $1.tokens } == 310)
  }

  @Test func whatIsDroppedDependsOnTheRowNotOnThePass() async throws {
    let base = try await TinyModel.load()
    func train(_ dropout: Float, tokensPerPass: Int) async throws -> AdapterWeights {
      let job = try TinyModel.job(
        "a", TinyModel.data(12), on: base, method: LoRA(rank: 4, dropout: dropout))
      let run = TrainingRun(base, jobs: [job], tokensPerPass: tokensPerPass)
      return try #require(try await run.train().first?.result).adapter.weights
    }
    let (whole, parted, none) = (
      try await train(0.3, tokensPerPass: 512), try await train(0.3, tokensPerPass: 1),
      try await train(0, tokensPerPass: 512)
    )
    #expect(largestDifference(whole, parted) < 1e-4)
    #expect(largestDifference(whole, none) > 1e-3)
  }

  @Test @Compute func rowsDrawTheirOwnDropout() async throws {
    let base = try await TinyModel.load()
    let method = LoRA(rank: 4, dropout: 0.5)
    let adapter = TrainableLoRA(
      try method.initialWeights(for: base, seed: 1), on: base, dropout: method.dropout)
    // B begins at zero, where nothing of the update shows.
    for (index, parameter) in adapter.parameters.enumerated() where !index.isMultiple(of: 2) {
      parameter.values.fill(0.05)
    }
    func states(_ seeds: [UInt64?]) throws -> [[Float]] {
      let rows = seeds.map { BatchRow(tokens: [5, 6, 7], mix: adapter.mix, dropoutSeed: $0) }
      let x = try base.hiddenStates(rows, on: Tape(recording: false))
      return seeds.indices.map { row in Array(x.values[row * 3 * x.columns..<(row + 1) * 3 * x.columns]) }
    }
    let alone = try states([7])[0]
    let together = try states([8, 7, nil, 7])
    #expect(largestDifference(together[1], alone) < 1e-5)
    #expect(largestDifference(together[3], alone) < 1e-5)
    #expect(largestDifference(together[0], alone) > 1e-3)
    #expect(largestDifference(together[2], try states([nil])[0]) < 1e-5)
    #expect(largestDifference(together[2], alone) > 1e-3)
  }

  @Test func anAdapterThatGoesOnKeepsItsRuleOfScale() async throws {
    let base = try await TinyModel.load()
    var job = try TinyModel.job("a", TinyModel.data(4), on: base)
    var start = try await job.freshWeights(on: base)
    start.isRankStabilized = true
    job.start = start
    let weights = try #require(try await TrainingRun(base, jobs: [job]).train().first?.result).adapter.weights
    #expect(weights.isRankStabilized)
    #expect(weights.alpha == start.alpha)
  }

  @Test func accumulatedBatchesAreOneLargerBatch() async throws {
    let base = try await TinyModel.load()
    func train(_ rows: Int, _ batches: Int) async throws -> TrainingResult {
      try await Trainer(
        base, method: LoRA(rank: 4, dropout: 0.2),
        options: TrainingOptions(epochs: 2, batchRows: rows, accumulation: batches)
      ).train(on: TinyModel.data(10))
    }
    let (whole, parts) = (try await train(6, 1), try await train(2, 3))
    #expect(parts.events.count == 4)
    #expect(whole.adapter.weights == parts.adapter.weights)
  }
}
