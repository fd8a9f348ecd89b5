import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import MotetTraining
import Testing

/// What holds for every method of the low-rank family: they share runs, checkpoints and the guard against numbers that
/// are none.
@Suite struct LowRankFamilyTests {
  private static let methods: [(name: String, method: any AdapterMethod)] = [
    ("rslora", RSLoRA(LoRA(rank: 4, alpha: 4))), ("lora+", LoRAPlus(LoRA(rank: 4, dropout: 0.1))),
    ("lora-fa", LoRAFA(LoRA(rank: 4))), ("pissa", PiSSA(LoRA(rank: 4, alpha: 4))),
    ("vera", VeRA(LoRA(rank: 16))), ("sora", SoRA(LoRA(rank: 4), sparsity: 20)),
    ("dylora", DyLoRA(LoRA(rank: 4))),
    ("adalora", AdaLoRA(LoRA(rank: 6, alpha: 12), target: 3, warmup: 1, final: 2)),
  ]

  private func job(
    _ name: String, _ method: any AdapterMethod, on base: BaseModel, in folder: TrainingFolder,
    learningRate: Double = 5e-3
  ) throws -> TrainingJob {
    var job = TrainingJob(
      name: name, method: method,
      options: TrainingOptions(
        epochs: 2, batchRows: 3, learningRate: learningRate, seed: 3, evaluationSteps: 3),
      data: try TinyModel.data(12).source(for: base), validation: try TinyModel.data(5).source(for: base))
    job.destination = .folder(folder.file(name))
    return job
  }

  private func run(
    _ base: BaseModel, in folder: TrainingFolder, start: Checkpoints.Start = .resume
  ) throws -> TrainingRun {
    TrainingRun(
      base, jobs: try Self.methods.map { try job($0.name, $0.method, on: base, in: folder) },
      checkpoints: Checkpoints(
        folder: folder.file("checkpoints"), everySteps: nil, everySeconds: nil, start: start))
  }

  private func bytes(_ folder: TrainingFolder) throws -> [Data] {
    try Self.methods.flatMap { name, _ in
      try ["adapter_model.safetensors", "adapter_config.json"].map {
        try Data(contentsOf: folder.file(name).appending(path: $0))
      }
    }
  }

  @Test(arguments: [1, 4, 6])
  func inOneRunTheyEndBitForBitAsOneThatWasStopped(step: Int) async throws {
    let base = try await TinyModel.load()
    let (whole, parted) = (try TrainingFolder(), try TrainingFolder())
    _ = try await run(base, in: whole).train()
    let first = try run(base, in: parted)
    let stopped = try await Task {
      try await Compute.run {
        try await first.train { event in
          if case .step(let event) = event, event.step == step { withUnsafeCurrentTask { $0?.cancel() } }
        }
      }
    }.value
    #expect(stopped.allSatisfy { $0.ending == .stopped })
    let outcomes = try await run(base, in: parted).train()
    #expect(outcomes.allSatisfy { $0.ending == .completed })
    let isSame = try bytes(whole) == bytes(parted)
    #expect(isSame)
    for outcome in outcomes {
      let result = try #require(outcome.result)
      let (before, after) = (try #require(result.evalBefore).value, try #require(result.evalAfter).value)
      #expect(after < before, "\(outcome.name): \(before) to \(after)")
      // What stands in the folder is what was measured.
      let saved = try Adapter.load(parted.file(outcome.name), for: base)
      let again = try await base.nll(of: try TinyModel.data(5).examples(for: base), mix: Mix(saved))
      #expect(abs(again.value - after) < 1e-4, "\(outcome.name): \(again.value), not \(after)")
      #expect(saved.record?.training?.method == outcome.name)
      let own = Self.methods.first { $0.name == outcome.name }?.method.settings ?? [:]
      for (key, value) in own { #expect(saved.record?.training?.settings?[key] == value, "\(key)") }
    }
  }

  @Test(arguments: methods.map(\.name))
  func aloneItIsWhatItIsAmongOthers(name: String) async throws {
    let base = try await TinyModel.load()
    let (together, alone) = (try TrainingFolder(), try TrainingFolder())
    let method = try #require(Self.methods.first { $0.name == name }).method
    let other = LoRA(rank: 2)
    let both = try await TrainingRun(
      base,
      jobs: [
        try job("plain", other, on: base, in: together), try job(name, method, on: base, in: together),
      ]
    ).train()
    let own = try await TrainingRun(base, jobs: [try job(name, method, on: base, in: alone)]).train()
    let (a, b) = (
      try #require(both[1].result).adapter.weights, try #require(own[0].result).adapter.weights
    )
    #expect(a.largestDeltaDifference(b) < 1e-4)
  }

  @Test(arguments: methods.map(\.name))
  func onesThatDivergeEndAlone(name: String) async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let method = try #require(Self.methods.first { $0.name == name }).method
    let outcomes = try await TrainingRun(
      base,
      jobs: [
        try job(name, method, on: base, in: folder, learningRate: 1e38),
        try job("plain", LoRA(rank: 2), on: base, in: folder),
      ]
    ).train()
    guard case .diverged = outcomes[0].ending else {
      Issue.record("\(name): \(outcomes[0].ending)")
      return
    }
    #expect(outcomes[1].ending == .completed)
  }

  @Test(arguments: methods.map(\.name))
  func whatARunWillTrainIsCounted(name: String) async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let method = try #require(Self.methods.first { $0.name == name }).method
    let estimate = try await TrainingRun(base, jobs: [try job(name, method, on: base, in: folder)]).estimate()
    let trained = try await Compute.run {
      try method.begin(on: base, seed: 0).parameters.reduce(0) { $0 + $1.count }
    }
    #expect(estimate.jobs[0].parameters == trained && estimate.jobs[0].steps == 8)
  }

  @Test func eachIsReachedByItsNameWithDefaultsThatBegin() async throws {
    let base = try await TinyModel.load()
    for (name, _) in Self.methods {
      let method = try MethodSettings(shape: LoRA(rank: 4), given: [.rank]).make(AdapterMethods.named(name))
      let weights = try await Compute.run { try method.begin(on: base, seed: 1).weights() }
      let nll = try await base.fixtureLoss(Mix(Adapter(name: name, weights: weights)))
      let untouched = try await base.fixtureLoss(.base)
      #expect(abs(nll - untouched) < 1e-5, "\(name) begins as the base")
    }
  }
}
