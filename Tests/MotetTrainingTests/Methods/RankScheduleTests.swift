import Foundation
import MotetModels
import MotetTensor
import Testing

@testable import MotetAdapters
@testable import MotetTraining

@Suite struct RankScheduleTests {
  static let methods = ["lora", "rslora", "lora+"]

  private func method(_ name: String, _ schedule: String = "8:3") throws -> any AdapterMethod {
    try MethodSettings(own: ["rank-schedule": schedule]).make(AdapterMethods.named(name))
  }

  private static let options = TrainingOptions(epochs: 5, batchRows: 4, learningRate: 5e-3)

  @Test(arguments: methods)
  func theRanksThatAreLeftAreThoseThatWereAskedForAndAreAllThatIsSaved(name: String) async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let result = try await Trainer(base, method: method(name), options: Self.options)
      .train(on: TinyModel.data(12), evaluation: TinyModel.data(12))
    let weights = result.adapter.weights
    #expect(weights.content == nil && weights.isRankStabilized == (name == "rslora"))
    #expect(weights.sites.values.reduce(0) { $0 + $1.rank } == 3 * base.sites.count)
    #expect(Set(weights.sites.values.map(\.rank)).count > 1 && weights.rankSummary != nil)
    // The scale is what it was with the first rank.
    let scale: Float = name == "rslora" ? 8 / Float(8).squareRoot() : 2
    #expect(weights.sites.values.allSatisfy { $0.scale == scale })
    try weights.write(to: folder.url)
    let text = try String(contentsOf: folder.file("adapter_config.json"), encoding: .utf8)
    #expect(text.contains("\"peft_type\": \"LORA\"") && text.contains("layers.1"))
    #expect(!weights.configuration.rankPattern.isEmpty && !weights.configuration.alphaPattern.isEmpty)
    let saved = try Adapter.load(folder.url, for: base)
    #expect(largestDifference(saved.weights, weights) < 1e-6)
    // What was measured in training is what the folder gives.
    let nll = try await base.nll(of: TinyModel.data(12).examples(for: base), mix: Mix(saved))
    let after = try #require(result.evalAfter)
    #expect(abs(nll.value - after.value) < 1e-5)
    #expect(after.value < (try #require(result.evalBefore)).value - 0.3)
  }

  @Test func noStepBeforeTheRanksAreFixedIsKeptAsTheBest() async throws {
    let base = try await TinyModel.load()
    // At a rate at which nothing is learnt after the first steps.
    let options = TrainingOptions(
      epochs: 5, batchRows: 4, learningRate: 0.5, evaluationSteps: 1, patience: 2, keep: .best)
    let result = try await Trainer(base, method: method("lora"), options: options)
      .train(on: TinyModel.data(12), evaluation: TinyModel.sums(6))
    let ranks = result.adapter.weights.sites.values.reduce(0) { $0 + $1.rank }
    #expect(ranks == 3 * base.sites.count)
    let firstBest = result.validations.first { $0.isBest }
    let best = try #require(firstBest)
    #expect(result.validations.contains { $0.step < best.step && $0.nll < best.nll })
  }

  @Test @Compute func aRankThatIsGoneStaysGone() async throws {
    let base = try await TinyModel.load()
    let adapter = try method("lora").begin(on: base, seed: 4)
    let steps = try FixtureSteps(adapter, on: base)
    #expect(try adapter.weights().sites.values.allSatisfy { $0.rank == 8 })
    var ranks: [Int] = []
    var closed: Set<[Int]> = []
    for step in 0..<10 {
      _ = try steps.take(step, of: 10)
      ranks.append(try adapter.weights().sites.values.reduce(0) { $0 + $1.rank })
      var now: Set<[Int]> = []
      for index in stride(from: 0, to: adapter.parameters.count, by: 2) {
        let (a, b) = (adapter.parameters[index], adapter.parameters[index + 1])
        for rank in 0..<a.rows {
          let row = (0..<a.columns).allSatisfy { a.values.row(rank)[$0] == 0 }
          let column = (0..<b.rows).allSatisfy { b.values.row($0)[rank] == 0 }
          #expect(row == column)
          if row { now.insert([index, rank]) }
        }
      }
      #expect(now.isSuperset(of: closed))
      closed = now
    }
    let most = 8 * base.sites.count
    #expect(ranks[0] == most && ranks[1] < most)
    #expect(ranks == ranks.sorted(by: >) && Array(ranks[6...]) == [42, 42, 42, 42])
  }

  /// A spike's step is not taken, and so no rank is taken away after it: that is then due after the next one.
  @Test @Compute func aSpikeWhereTheLastRanksShouldGoLeavesNoneOfThem() async throws {
    let base = try await TinyModel.load()
    for method in [try method("lora", "6:3"), AdaLoRA(LoRA(rank: 6, alpha: 12), target: 3)] {
      let adapter = try method.begin(on: base, seed: 4)
      let steps = try FixtureSteps(adapter, on: base)
      for step in 0..<10 {
        guard (4...6).contains(step) else {
          _ = try steps.take(step, of: 10)
          continue
        }
        try adapter.beginStep(step, of: 10)
        _ = try steps.loss(recording: true)
        adapter.gatherGradients()
        for parameter in adapter.parameters { parameter.gradient?.fill(0) }
        try adapter.derive()
        let ranks = try adapter.weights().sites.values.reduce(0) { $0 + $1.rank }
        #expect(ranks > 42)
      }
      #expect(try adapter.weights().sites.values.reduce(0) { $0 + $1.rank } == 42)
    }
  }

  /// The ranks with the largest scores stay, whatever site they are of.
  @Test @Compute func importanceChooses() {
    func factor(_ values: [Float]) -> RankAllocator.Factor {
      .init(parameter: Parameter(rows: 2, columns: 2, values, trainable: true), hasRankColumns: false)
    }
    let sites = [[factor([1, 1, 2, 2])], [factor([3, 3, 0, 0])]]
    var allocator = RankAllocator(sites)
    for site in sites { site[0].parameter.gradient?.fill(1) }
    allocator.keepGradients()
    allocator.update()
    #expect(allocator.mostImportant(2) == [[false, true], [true, false]])
    #expect(
      allocator.mostImportant(2, among: [[true, true], [false, true]]) == [[true, true], [false, false]])
    #expect(allocator.mostImportant(9) == [[true, true], [true, true]])
    // Equal ones: the count is kept.
    #expect(RankAllocator(sites).mostImportant(3) == [[true, true], [true, false]])
  }

  @Test(arguments: [1, 4, 9, 12])
  func aRunThatWasStoppedEndsBitForBitAsOneThatWasNot(step: Int) async throws {
    let base = try await TinyModel.load()
    let (whole, parted) = (try TrainingFolder(), try TrainingFolder())
    func run(_ folder: TrainingFolder) throws -> TrainingRun {
      let jobs = try Self.methods.map { name in
        var job = try TinyModel.job(
          name, TinyModel.data(12), on: base, method: method(name), options: Self.options)
        job.destination = .folder(folder.file(name))
        return job
      }
      return TrainingRun(
        base, jobs: jobs,
        checkpoints: Checkpoints(
          folder: folder.file("checkpoints"), everySteps: nil, everySeconds: nil, start: .resume))
    }
    func bytes(_ folder: TrainingFolder) throws -> [Data] {
      try Self.methods.flatMap { name in
        try ["adapter_model.safetensors", "adapter_config.json"].map {
          try Data(contentsOf: folder.file(name).appending(path: $0))
        }
      }
    }
    _ = try await run(whole).train()
    let first = try run(parted)
    _ = try await Task { @Compute in
      try await first.train { event in
        if case .step(let event) = event, event.step == step { withUnsafeCurrentTask { $0?.cancel() } }
      }
    }.value
    let outcomes = try await run(parted).train()
    #expect(outcomes.allSatisfy { $0.ending == .completed })
    let isSame = try bytes(whole) == bytes(parted)
    #expect(isSame)
  }

  @Test func aScheduleThatIsNoneIsRefused() async throws {
    for text in ["8:32", "8:8", "8:0", "0", "32", "a:b", "32:8:2", "-4:2", "", "70000:8"] {
      let error = #expect(throws: MethodError.self) { try method("lora", text) }
      #expect(error.map { "\($0)".contains("the first the larger, such as 32:8") } == true, "\(text)")
    }
    let base = try await TinyModel.load()
    let short = await #expect(throws: MethodError.self) {
      try await Trainer(
        base, method: method("lora"), options: TrainingOptions(epochs: 1, batchRows: 6)
      ).train(on: TinyModel.data(12))
    }
    #expect(short.map { "\($0)".contains("takes at least 3 steps, and the run has 2") } == true)
    await #expect(throws: LoRAError.self) {
      try await Trainer(base, method: method("lora", "33:8"), options: Self.options)
        .train(on: TinyModel.data(12))
    }
  }

  @Test func otherMethodsAndOtherRanksBesideItAreRefusedWithTheReason() throws {
    for name in AdapterMethods.names where !Self.methods.contains(name) {
      let error = #expect(throws: MethodError.self) { try method(name) }
      #expect(
        error.map {
          "\($0)".contains("of --method lora or rslora or lora+: it cuts ranks out of an A and a B")
        }
          == true, "\(name)")
    }
    for other in [SharedOption.rank, .rankPattern] {
      let settings = MethodSettings(given: [other], own: ["rank-schedule": "8:3"])
      let error = #expect(throws: MethodError.self) { try settings.make(LoRA.self) }
      #expect(error.map { "\($0)".contains("--\(other.rawValue): both say") } == true)
    }
    let file = "{data: rows.jsonl, output: out, continue: math, rank-schedule: '8:3'}"
    #expect(throws: ConfigurationError.fixedByContinue(key: "rank-schedule", adapter: "out")) {
      try RunConfiguration(yaml: file, file: "run.yaml").check()
    }
  }

  @Test func theConfigurationThatIsKeptTrainsItAgain() throws {
    let file = "{data: rows.jsonl, output: out, rank-schedule: 32:8}"
    let first = try RunConfiguration(yaml: file, file: "run.yaml")
    let again = try RunConfiguration(yaml: first.yaml(ofAdapter: 0), file: "run.yaml")
    try again.check()
    let lora = try #require(try again.adapters[0].makeMethod() as? LoRA)
    #expect(lora.rank == 32 && lora.alpha == 64 && lora.rankSchedule?.last == 8)
    #expect(lora.settings["rank-schedule"] == "32:8" && lora.summary == "LoRA, rank 32 to 8, alpha 64")
  }
}
