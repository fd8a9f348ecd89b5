import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import Testing

@testable import MotetTraining

@Suite struct SuccessiveHalvingTests {
  @Test func everyRungHasAnEqualShareOfTheTokens() throws {
    let halving = try SuccessiveHalving(trials: 8, eta: 2, tokens: 2400)
    #expect(halving.counts == [8, 4, 2])
    #expect((0..<3).map { halving.survivors(after: $0) } == [4, 2, 1])
    // 800 tokens a rung: 100, 200 and 400 a trial.
    #expect(halving.targets == [100, 300, 700])
    #expect(try halving.steps { _ in 10 } == [10, 30, 70])
    // Steps of another size: the last that still fits.
    #expect(try halving.steps { _ in 30 } == [3, 10, 23])
    #expect(try SuccessiveHalving(trials: 9, eta: 3, tokens: 90).counts == [9, 3])
    #expect(try SuccessiveHalving(trials: 1, eta: 2, tokens: 90).steps { _ in 30 } == [3])
  }

  @Test func theBudgetOfAnEpochGivesTheLastOneAnEpoch() throws {
    let tokens = try SuccessiveHalving.tokens(trials: 8, eta: 2, winner: 7000)
    let last = try SuccessiveHalving(trials: 8, eta: 2, tokens: tokens).targets.last ?? 0
    #expect(abs(last - 7000) < 1)
  }

  @Test func whatCannotBeIsRefusedWithTheMend() throws {
    #expect(throws: TuningError.trials(0)) { try SuccessiveHalving(trials: 0, eta: 2, tokens: 10) }
    #expect(throws: TuningError.eta(1)) { try SuccessiveHalving(trials: 4, eta: 1, tokens: 10) }
    #expect(throws: TuningError.tokens(0)) { try SuccessiveHalving(trials: 4, eta: 2, tokens: 0) }
    let small = try SuccessiveHalving(trials: 4, eta: 2, tokens: 100)
    #expect(throws: TuningError.budget(tokens: 100, least: 240)) { try small.steps { _ in 30 } }
    // What the mend says is enough.
    let enough = try SuccessiveHalving(trials: 4, eta: 2, tokens: 240)
    #expect(try enough.steps { _ in 30 } == [1, 3])
  }
}

@Suite struct TuningTests {
  private func configuration(_ flags: [String] = [], in folder: TrainingFolder) throws -> RunConfiguration {
    func lines(_ range: Range<Int>) -> String {
      range.map { #"{"prompt": "what is \#($0)?", "response": "the answer is \#($0 + 1)"}"# + "\n" }.joined()
    }
    for (name, range) in [("data.jsonl", 0..<12), ("eval.jsonl", 12..<17)] where !folder.exists(name) {
      _ = try folder.write(lines(range), to: name)
    }
    var configuration = RunConfiguration()
    try configuration.apply(
      flags: [
        "--data", folder.file("data.jsonl").path, "--eval", folder.file("eval.jsonl").path, "--batch", "3",
      ])
    try configuration.apply(flags: flags)
    return configuration
  }

  private func tuning(
    _ flags: [String] = [], trials: Int = 6, eta: Int = 2, tokens: Int = 6000, on base: BaseModel,
    in folder: TrainingFolder, out: String = "out"
  ) async throws -> Tuning {
    let grid = try TuningGrid(
      method: LoRA.self, ranks: "2,4", alphas: "2x,8", learningRates: "1e-3,5e-3,1e-2",
      targets: "all-linear,attention")
    return try await configuration(flags, in: folder).tuning(
      of: grid, trials: trials, eta: eta, tokens: tokens, on: base, folder: folder.file(out))
  }

  @Test func theBudgetIsKeptWithinAStepATrial() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    for (trials, eta, tokens) in [(6, 2, 6000), (9, 3, 9000), (5, 4, 4321)] {
      let out = "\(trials)"
      let tuning = try await tuning(
        trials: trials, eta: eta, tokens: tokens, on: base, in: folder, out: out)
      let table = try await tuning.run()
      let longest = try (0..<12).map { try tuning.jobs[0].data.example(at: $0).tokens.count }.max() ?? 0
      let used = try #require(table.tokens)
      #expect(used <= tokens && used > tokens - trials * 3 * longest, "\(used) of \(tokens)")
      // Each rung ends with as many as it should, and all that were in it were examined.
      for (rung, count) in tuning.halving.counts.enumerated() {
        #expect(table.trials.count { $0.nlls.count > rung } == count)
      }
    }
  }

  @Test func theBestOfEachRungGoOnAndTheBestOfAllIsLeft() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let tuning = try await tuning(on: base, in: folder)
    let table = try await tuning.run()
    #expect(tuning.halving.counts == [6, 3])
    let first = table.trials.sorted { $0.nlls[0] < $1.nlls[0] }
    #expect(first.prefix(3).allSatisfy { $0.nlls.count == 2 })
    #expect(first.dropFirst(3).allSatisfy { $0.nlls.count == 1 })
    let last = table.trials.filter { $0.nlls.count == 2 }.min { $0.nlls[1] < $1.nlls[1] }
    #expect(table.winner == last?.name)
    let text = TuningReport(table).text()
    #expect(text.contains("the best") && text.contains("after rung 1"))
    #expect(folder.exists("out/tuning.html") && !folder.exists("out/checkpoints"))
    // What is left is a configuration that trains.
    var winner = try RunConfiguration(contentsOf: folder.file("out/winner.yaml").path)
    try winner.apply(flags: ["--output", folder.file("trained").path])
    let outcome = try await winner.run(on: base).train().first
    let candidate = try #require(table.trials.first { $0.name == table.winner }).candidate
    #expect(outcome?.result?.adapter.record?.training?.learningRate == candidate.learningRate)
    #expect(outcome?.result?.adapter.weights.rank == candidate.rank)
    #expect(outcome?.result?.adapter.weights.alpha == candidate.alpha)
  }

  @Test func aSeedDrawsTheSameTrialsAndLeavesTheSameOne() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let one = try await tuning(on: base, in: folder, out: "one").run()
    let two = try await tuning(on: base, in: folder, out: "two").run()
    #expect(one.trials == two.trials && one.winner == two.winner)
    let other = try await tuning(["--seed", "7"], on: base, in: folder, out: "three")
    #expect(other.candidates != one.trials.map(\.candidate))
    #expect(Set(other.candidates.map { "\($0)" }).count == 6)
  }

  @Test func aSurvivorIsWhatTrainingItAloneForAsLongGives() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let tuning = try await tuning(on: base, in: folder)
    var run = TrainingRun(base, jobs: tuning.jobs)
    run.rungs = [TrainingRun.Rung(step: tuning.rungs[0], survivors: 3)]
    let outcomes = try await run.train()
    let survivors = outcomes.indices.filter { outcomes[$0].ending == .completed }
    #expect(survivors.count == 3)
    for index in survivors {
      let alone = try await TrainingRun(base, jobs: [tuning.jobs[index]]).train().first?.result
      let one = try #require(alone)
      let other = try #require(outcomes[index].result)
      #expect(other.events.count == tuning.rungs.last && one.events.count == tuning.rungs.last)
      #expect(largestDifference(one.adapter.weights, other.adapter.weights) < 1e-4)
    }
    for index in outcomes.indices where !survivors.contains(index) {
      #expect(outcomes[index].ending == .stoppedEarly(step: tuning.rungs[0]))
    }
  }

  @Test func aSearchThatWasKilledEndsAsOneLeftAlone() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let whole = try await tuning(on: base, in: folder, out: "whole").run()
    let end = try #require(whole.rungs.first?.step)
    for step in [1, end, end + 1, whole.rungs[1].step] {
      let out = "stopped-\(step)"
      let first = try await tuning(on: base, in: folder, out: out)
      let stopped = await Task { @Compute in
        do {
          _ = try await first.run {
            if case .step(let event) = $0, event.step == step { withUnsafeCurrentTask { $0?.cancel() } }
          }
          return false
        } catch { return error is CancellationError }
      }.value
      #expect(stopped, "\(step)")
      #expect(folder.exists("\(out)/checkpoints/step-\(step)"))
      let table = try await tuning(on: base, in: folder, out: out).run()
      #expect(table.trials == whole.trials && table.winner == whole.winner, "\(step)")
      #expect(!folder.exists("\(out)/checkpoints"))
    }
    // Over: nothing is trained again.
    let again = try await tuning(on: base, in: folder, out: "whole")
    let (table, steps) = try await Compute.run {
      var steps = 0
      let table = try await again.run { if case .step = $0 { steps += 1 } }
      return (table, steps)
    }
    #expect(steps == 0 && table == whole)
  }

  @Test func aTrialThatDivergesIsOutAndSaysSo() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let grid = try TuningGrid(
      method: LoRA.self, ranks: "2", alphas: "2x", learningRates: "1e-3,1e30", targets: "all-linear")
    let tuning = try await configuration(["--spike-sigma", "0"], in: folder).tuning(
      of: grid, trials: 2, eta: 2, tokens: 3000, on: base, folder: folder.file("out"))
    let table = try await tuning.run()
    let bad = try #require(table.trials.first { $0.candidate.learningRate == 1e30 })
    #expect(bad.divergedAt != nil && table.winner != bad.name)
    #expect(TuningReport(table).text().contains("diverged at step"))
  }

  @Test func otherSettingsAreRefusedAndNamed() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    _ = try await tuning(on: base, in: folder).run()
    let other = try await tuning(tokens: 6500, on: base, in: folder)
    var refusal: TuningError?
    do { _ = try await other.run() } catch { refusal = error as? TuningError }
    guard case .holdsOther(_, let what)? = refusal else {
      Issue.record("\(refusal.map { "\($0)" } ?? "not refused")")
      return
    }
    #expect(what == ["tokens was 6000 and is 6500"])
  }

  @Test func badRequestsAreRefused() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    var refusal: TuningError?
    do { _ = try await tuning(tokens: 50, on: base, in: folder) } catch { refusal = error as? TuningError }
    guard case .budget(tokens: 50, let least)? = refusal else {
      Issue.record("\(refusal.map { "\($0)" } ?? "not refused")")
      return
    }
    _ = try await tuning(tokens: least, on: base, in: folder)
    // What is taken where nothing is said has a step for each rung, though an epoch has fewer.
    let grid = try TuningGrid(method: LoRA.self, ranks: "1,2,3,4")
    let short = try await configuration(["--batch", "6"], in: folder).tuning(
      of: grid, trials: 16, eta: 2, on: base, folder: folder.file("short"))
    #expect(short.rungs.count == 4 && short.rungs[0] >= 1)
    var bare = RunConfiguration()
    try bare.apply(flags: ["--data", "x.jsonl"])
    #expect(throws: TuningError.needsValidation) { try bare.checkTuning() }
    try bare.apply(flags: ["--eval", "x.jsonl", "--rank", "4"])
    #expect(throws: TuningError.notSearched(option: "rank", instead: "give --ranks")) {
      try bare.checkTuning()
    }
    for (option, value) in [("checkpoint-every", "5"), ("rank-schedule", "8:4")] {
      var other = RunConfiguration()
      try other.apply(flags: ["--data", "x.jsonl", "--eval", "x.jsonl", "--\(option)", value])
      let refusal = #expect(throws: TuningError.self) { try other.checkTuning() }
      #expect(refusal.map { "\($0)" }?.contains("--\(option) says nothing in a search") == true)
    }
    #expect(throws: TuningError.methodHasNo(list: "ranks", method: "ia3")) {
      try TuningGrid(method: IA3.self, ranks: "4")
    }
    #expect(throws: TuningError.noValues(list: "lrs")) {
      try TuningGrid(method: LoRA.self, learningRates: ",")
    }
    let half = #expect(throws: TuningError.self) { try TuningGrid(method: LoRA.self, ranks: "4,half") }
    #expect(half.map { "\($0)" }?.contains("--ranks cannot have \"half\"") == true)
    #expect(throws: TuningError.self) { try TuningGrid(method: LoRA.self, learningRates: "-1") }
  }

  @Test func aGridIsEveryCombinationOnce() throws {
    let grid = try TuningGrid(
      method: LoRA.self, ranks: "4,8", alphas: "16,2x", learningRates: "1e-3,1e-3",
      targets: "attention,q_proj+v_proj")
    // With rank 8, 2x is 16.
    #expect(grid.candidates.count == 6)
    #expect(grid.candidates.contains { $0.targets == "q_proj,v_proj" && $0.alpha == 8 })
    #expect(grid.draw(4, seed: 1).count == 4)
    #expect(grid.draw(40, seed: 1).count == 6)
    let own = try TuningGrid(method: IA3.self)
    #expect(own.candidates.allSatisfy { $0.rank == nil && $0.targets == nil })
    #expect(own.learningRates.contains(IA3.learningRate))
    let usual = try TuningGrid(method: LoRA.self)
    #expect(usual.ranks == [4, 8, 16, 32] && usual.candidates.count == 64)
    // Every method can be searched without saying what.
    for method in AdapterMethods.all { #expect(try !TuningGrid(method: method).candidates.isEmpty) }
  }
}
