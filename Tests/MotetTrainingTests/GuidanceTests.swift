import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import Testing

@testable import MotetTraining

/// What an adapter is trained by beside its data: a teacher, and others to be kept apart from.
@Suite struct GuidanceTests {
  private func trained(
    _ name: String, _ data: Dataset, on base: BaseModel, _ change: (inout TrainingJob) -> Void = { _ in }
  ) async throws -> TrainingResult {
    var job = try TinyModel.job(
      name, data, on: base,
      options: TrainingOptions(epochs: 6, batchRows: 4, learningRate: 1e-2, schedule: .constant))
    change(&job)
    return try #require(try await TrainingRun(base, jobs: [job]).train().first?.result)
  }

  @Test func aNewAdapterIsKeptApartFromOlderOnes() async throws {
    let base = try await TinyModel.load()
    let old = try await trained("old", TinyModel.data(8), on: base).adapter
    let free = try await trained("free", TinyModel.sums(8), on: base).adapter
    let apart = try await trained("apart", TinyModel.sums(8), on: base) {
      $0.orthogonal = .init([old], strength: 5)
    }
    let without = try #require(SubspaceOverlap(free.weights, old.weights))
    let with = try #require(apart.overlaps.first)
    // From one seed both begin with the same A; one that is to be apart does not.
    #expect(with.adapter == "old" && with.before > 0.5 * with.chance && with.before < 3 * with.chance)
    #expect(with.after < 0.2 * with.before && without.value > 3 * without.chance)
    #expect(apart.adapter.record?.metrics["overlap_old"] == with.after)
    let penalties = apart.events.compactMap(\.penalty)
    #expect(penalties.count == apart.events.count && penalties[penalties.count - 1] < 0.1 * penalties[0])
  }

  @Test func withoutStrengthTheOverlapIsReportedAndNothingKeptApart() async throws {
    let base = try await TinyModel.load()
    let old = try await trained("old", TinyModel.data(8), on: base).adapter
    func jobs() throws -> [TrainingJob] {
      try [("with", 5.0), ("without", 0.0)].map { name, strength in
        var job = try TinyModel.job(
          name, TinyModel.sums(8), on: base,
          options: TrainingOptions(epochs: 6, batchRows: 4, learningRate: 1e-2, schedule: .constant))
        job.orthogonal = .init([old], strength: strength)
        return job
      }
    }
    let results = try await TrainingRun(base, jobs: jobs()).train().compactMap(\.result)
    let (with, without) = (try #require(results[0].overlaps.first), try #require(results[1].overlaps.first))
    #expect(with.before == without.before && with.after < 0.3 * without.after)
    #expect(results[1].events.allSatisfy { $0.penalty == nil })
  }

  @Test @Compute func thePenaltysGradientIsThatOfFiniteDifferences() async throws {
    let base = try await TinyModel.load()
    let method = LoRA(rank: 2)
    let other = Adapter(name: "other", weights: try method.initialWeights(for: base, seed: 5))
    let adapter = try method.begin(on: base, seed: 1)
    let penalty = try OrthogonalPenalty(.init([other], strength: 0.7), on: adapter, of: base, job: "a")
    _ = penalty.gather()
    let parameter = adapter.parameters[0]
    let gradient = try #require(parameter.gradient).values
    for index in [0, 17, 100] {
      let value = parameter.values.data[index]
      parameter.values.data[index] = value + 0.5
      let up = penalty.gather()
      parameter.values.data[index] = value - 0.5
      let down = penalty.gather()
      parameter.values.data[index] = value
      // A square has no error in a central difference.
      #expect(abs(Float(up - down) - gradient[index]) < 2e-5)
    }
    #expect(gradient.contains { abs($0) > 1e-3 })
  }

  /// With the teacher's word alone it comes to say what the teacher says.
  @Test(arguments: [Precision.f32, .bf16].filter(\.isSupported))
  func anAdapterLearnsFromAnotherMix(precision: Precision) async throws {
    let base = try await TinyModel.load(precision)
    let teacher = try await trained("teacher", TinyModel.sums(8), on: base).adapter
    let student = try await trained("student", TinyModel.sums(8), on: base) {
      $0.teacher = Teacher(base, mix: Mix(teacher), temperature: 2, weight: 1)
    }
    let rows = try TinyModel.sums(8).examples(for: base)
    let taught = try await base.nll(of: rows, mix: Mix(teacher)).value
    let learnt = try await base.nll(of: rows, mix: Mix(student.adapter)).value
    let untaught = try await base.nll(of: rows, mix: .base).value
    #expect(abs(learnt - taught) < 0.25 * abs(untaught - taught))
    #expect(student.events[student.events.count - 1].loss < 0.25 * student.events[0].loss)
  }

  /// In one pass with an adapter that has no teacher, and one that has another.
  @Test func teachersOfSeveralAdaptersDoNotMeet() async throws {
    let base = try await TinyModel.load()
    let teacher = try await trained("teacher", TinyModel.sums(8), on: base).adapter
    func jobs() throws -> [TrainingJob] {
      var jobs = try ["a", "b", "c"].map { try TinyModel.job($0, TinyModel.data(6), on: base) }
      jobs[0].teacher = Teacher(base, mix: Mix(teacher), temperature: 3, weight: 0.5)
      jobs[2].teacher = Teacher(base, temperature: 1, weight: 0.9)
      return jobs
    }
    let together = try await TrainingRun(base, jobs: jobs()).train().compactMap(\.result)
    for (index, job) in try jobs().enumerated() {
      let alone = try #require(try await TrainingRun(base, jobs: [job]).train().first?.result)
      #expect(largestDifference(alone.adapter.weights, together[index].adapter.weights) < 1e-4)
    }
    #expect(largestDifference(together[0].adapter.weights, together[1].adapter.weights) > 1e-3)
  }

  @Test(arguments: [
    (["--temperature", "3"], "--temperature says nothing without --teacher or --teacher-base"),
    (["--orthogonal-strength", "3"], "--orthogonal-strength says nothing without --orthogonal-to"),
  ])
  func optionsThatSayNothingAloneAreRefused(flags: [String], reason: String) throws {
    var configuration = RunConfiguration()
    try configuration.apply(flags: ["--data", "a.jsonl", "--name", "a"] + flags)
    let error = #expect(throws: ConfigurationError.self) { try configuration.check() }
    #expect(error?.description.contains(reason) == true)
  }

  @Test func whatCannotGuideIsRefusedBeforeAnyStep() async throws {
    let base = try await TinyModel.load()
    var job = try TinyModel.job("a", TinyModel.data(4), on: base)
    job.teacher = Teacher(base, temperature: 0)
    let cold = job
    await #expect(throws: TrainingError.self) { try await TrainingRun(base, jobs: [cold]).train() }
    job.teacher = nil
    let upper = try await trained("upper", TinyModel.data(4), on: base) {
      $0.method = LoRA(rank: 2, targets: .modules(["q_proj"]), layers: 1...1)
    }.adapter
    job.method = LoRA(rank: 2, targets: .modules(["q_proj"]), layers: 0...0)
    job.orthogonal = .init([upper])
    let elsewhere = job
    await #expect(throws: TrainingError.sharesNoSite(job: "a")) {
      try await TrainingRun(base, jobs: [elsewhere]).train()
    }
  }
}
