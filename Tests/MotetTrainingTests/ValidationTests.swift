import MotetAdapters
import MotetModels
import MotetTensor
import Testing

@testable import MotetTraining

@Suite struct ValidationTests {
  /// Learns one set by heart at a rate that soon spoils the other.
  private func train(
    _ base: BaseModel, keep: TrainingOptions.Keep = .last, patience: Int? = nil
  ) async throws -> JobOutcome {
    let options = TrainingOptions(
      epochs: 12, batchRows: 4, learningRate: 3e-2, schedule: .constant, evaluationSteps: 2,
      patience: patience, keep: keep)
    let job = try TinyModel.job(
      "a", TinyModel.data(8), on: base, options: options, validation: TinyModel.sums(8))
    return try #require(try await TrainingRun(base, jobs: [job]).train().first)
  }

  @Test func theValidationNLLIsTakenOnTheWayAndAtTheEnd() async throws {
    let base = try await TinyModel.load()
    let result = try #require(try await train(base).result)
    #expect(result.validations.map(\.step) == Array(stride(from: 2, through: 24, by: 2)))
    #expect(result.evalAfter?.value == result.validations.last?.nll)
    let best = try #require(result.validations.map(\.nll).min())
    #expect(result.validations.last(where: \.isBest)?.nll == best)
  }

  @Test func theBestWeightsAreKeptWhenAskedFor() async throws {
    let base = try await TinyModel.load()
    let (last, best) = (try await train(base).result, try await train(base, keep: .best).result)
    let lowest = try #require(last?.validations.map(\.nll).min())
    let kept = try #require(best)
    #expect(kept.evalAfter?.value == lowest)
    #expect(kept.step < 24)
    #expect(last?.step == 24)
    #expect(kept.adapter.weights != last?.adapter.weights)
    let again = try await base.nll(of: TinyModel.sums(8).examples(for: base), mix: Mix(kept.adapter))
    #expect(abs(again.value - lowest) < 1e-6)
  }

  @Test func trainingEndsWhenTheValidationNLLNoLongerFalls() async throws {
    let base = try await TinyModel.load()
    let outcome = try await train(base, patience: 2)
    guard case .stoppedEarly(let step) = outcome.ending else {
      Issue.record("\(outcome.ending)")
      return
    }
    let validations = try #require(outcome.result?.validations)
    #expect(step < 24 && outcome.result?.events.count == step)
    #expect(validations.suffix(2).allSatisfy { !$0.isBest })
    #expect(validations.dropLast(2).last?.isBest == true)
  }

  @Test func aSpikeIsLeftOutAndTheRunGoesOn() async throws {
    let base = try await TinyModel.load()
    // Forty rows that are soon known, and one of noise.
    var rows = (0..<40).map { _ in DatasetRow(prompt: "what is 1?", response: "the answer is 2") }
    rows.append(DatasetRow(prompt: "what is 1?", response: "zq xj ## 77 kw"))
    rows += rows.prefix(4)
    func train(_ sigma: Double?) async throws -> TrainingResult {
      try await Trainer(
        base, method: LoRA(rank: 4),
        options: TrainingOptions(
          batchRows: 1, learningRate: 1e-2, schedule: .constant, shuffles: false, spikeSigma: sigma)
      ).train(on: Dataset(rows))
    }
    let (guarded, plain) = (try await train(4), try await train(nil))
    #expect(guarded.events.filter(\.isSkipped).map(\.step) == [41])
    #expect(guarded.skippedSteps == 1)
    #expect(plain.skippedSteps == 0)
    #expect(guarded.events.count == 45)
    #expect(guarded.adapter.weights != plain.adapter.weights)
  }

  @Test func aSpikeIsJudgedByTheRecentLosses() {
    var spikes = SpikeGuard(sigma: 4)
    for step in 0..<15 {
      #expect(spikes.limit == nil)
      spikes.record(step.isMultiple(of: 2) ? 0.9 : 1.1)
    }
    spikes.record(1.1)
    #expect(abs((spikes.limit ?? 0) - 1.4) < 1e-9)
    // Losses that do not differ leave a room of σ = 5% of the mean.
    for _ in 0..<64 { spikes.record(2) }
    #expect(abs((spikes.limit ?? 0) - 2.4) < 1e-9)
    #expect(SpikeGuard(sigma: nil).limit == nil)
  }

  @Test func aRowThatIsOnlyHardIsNoSpike() {
    var spikes = SpikeGuard(sigma: 8)
    for step in 0..<100 { spikes.record(step < 16 ? 1.5 : 0.01) }
    #expect(spikes.limit == 1.5)
  }
}
