import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import Testing

@testable import MotetTraining

/// Adapters of different methods in one run, and runs of each that stop and go on.
@Suite struct MethodRunTests {
  static let methods: [(name: String, own: [String: String])] = [
    ("prompt", ["virtual-tokens": "5"]), ("prefix", ["virtual-tokens": "3"]),
    ("bottleneck", ["bottleneck": "5"]),
  ]

  private func jobs(on base: BaseModel, in folder: TrainingFolder) throws -> [TrainingJob] {
    var jobs = [try TinyModel.job("lora", TinyModel.sums(9), on: base)]
    let projected = ("prefix", ["virtual-tokens": "2", "prefix-projection": "8"])
    for (name, own) in Self.methods + [projected] {
      let options = TrainingOptions(
        epochs: 2, batchRows: 2, accumulation: 2, learningRate: 1e-2, seed: UInt64(jobs.count),
        tokensPerPass: 100)
      jobs.append(
        try TinyModel.job(
          jobs.contains { $0.name == name } ? "projected" : name, TinyModel.data(6 + jobs.count), on: base,
          method: MethodSettings(own: own).make(AdapterMethods.named(name)), options: options,
          validation: TinyModel.data(3)))
    }
    for index in jobs.indices { jobs[index].destination = .folder(folder.file(jobs[index].name)) }
    return jobs
  }

  @Test @Compute func methodsTrainedTogetherBecomeWhatTheyBecomeAlone() async throws {
    let base = try await TinyModel.load()
    let jobs = try jobs(on: base, in: TrainingFolder()).map { job in
      var job = job
      job.destination = nil
      return job
    }
    let together = try await TrainingRun(base, jobs: jobs).train()
    for (job, outcome) in zip(jobs, together) {
      let alone = try #require(try await TrainingRun(base, jobs: [job]).train().first)
      let (one, other) = (try tensors(alone), try tensors(outcome))
      let fresh = try job.freshWeights(on: base)
      #expect(largestDifference(one, other) < 2e-4, "\(job.name)")
      #expect(largestDifference(one, tensors(fresh)) > 1e-3, "\(job.name)")
      let after = try #require(outcome.result)
      if let nll = after.evalAfter { #expect(nll.value < (try #require(after.evalBefore)).value) }
    }
  }

  private func tensors(_ outcome: JobOutcome) throws -> [Float] {
    tensors(try #require(outcome.result).adapter.weights)
  }

  private func tensors(_ weights: AdapterWeights) -> [Float] {
    weights.siteNames.flatMap { (weights.sites[$0]?.loraA ?? []) + (weights.sites[$0]?.loraB ?? []) }
      + (weights.content?.tensors ?? [:]).sorted { $0.key < $1.key }.flatMap(\.value.values)
  }

  private func bytes(_ folder: TrainingFolder) throws -> [Data] {
    try (["lora", "projected"] + Self.methods.map(\.name)).flatMap { name in
      try ["adapter_model.safetensors", "adapter_config.json"].map {
        try Data(contentsOf: folder.file(name).appending(path: $0))
      }
    }
  }

  @Test func aRunThatWasStoppedEndsBitForBitAsOneThatWasNot() async throws {
    let base = try await TinyModel.load()
    let (whole, parted) = (try TrainingFolder(), try TrainingFolder())
    func run(_ folder: TrainingFolder) throws -> TrainingRun {
      TrainingRun(
        base, jobs: try jobs(on: base, in: folder),
        checkpoints: Checkpoints(
          folder: folder.file("checkpoints"), everySteps: nil, everySeconds: nil, start: .resume))
    }
    _ = try await run(whole).train()
    let first = try run(parted)
    let stopped = try await Task { @Compute in
      try await first.train { event in
        if case .step(let event) = event, event.step == 2 { withUnsafeCurrentTask { $0?.cancel() } }
      }
    }.value
    #expect(stopped.contains { $0.ending == .stopped })
    let outcomes = try await run(parted).train()
    #expect(outcomes.allSatisfy { $0.ending == .completed })
    let isSame = try bytes(whole) == bytes(parted)
    #expect(isSame)
  }

  /// As the command line and a file in YAML have it: the method of what is continued need not be said again.
  @Test func aContinuedAdapterGoesOnAsItsOwnMethod() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let data = try folder.write(
      #"{"prompt": "what is 1?", "response": "the answer is 2"}"# + "\n", to: "data.jsonl")
    let library = AdapterLibrary(root: folder.file("adapters"))
    func train(_ yaml: String) async throws -> JobOutcome {
      let run = try RunConfiguration(yaml: yaml.replacing("DATA", with: data), file: "run.yaml")
        .run(on: base, library: library, home: folder.url)
      return try #require(try await run.train().first)
    }
    for (name, own) in Self.methods {
      let options = own.map { "\($0): \($1)" }.joined(separator: ", ")
      let first = try await train("{name: \(name), data: DATA, method: \(name), \(options), eval: DATA}")
      let second = try await train("{name: \(name), data: DATA, continue: \(name), eval: DATA}")
      #expect(second.place == "\(name)@2")
      #expect(second.result?.adapter.weights.method.name == name)
      #expect(second.result?.adapter.record?.training?.method == name)
      #expect(
        second.result?.adapter.record?.training?.learningRate
          == first.result?.adapter.record?.training?.learningRate)
      let (before, after) = (try #require(second.result?.evalBefore), try #require(first.result?.evalAfter))
      #expect(abs(before.value - after.value) < 1e-6)
      await #expect(throws: ConfigurationError.self) {
        try await train("{name: \(name), data: DATA, continue: \(name), \(options)}")
      }
      try RunConfiguration(contentsOf: library.root.appending(path: "\(name)/2/run.yaml").path).check()
    }
  }
}
