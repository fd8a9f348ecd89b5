import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import Testing

@testable import MotetTraining

/// Several methods in one run: each becomes what it becomes alone, and a stopped run goes on bit for bit.
@Suite struct MixedMethodRunTests {
  private func jobs(on base: BaseModel, in folder: TrainingFolder? = nil) throws -> [TrainingJob] {
    let methods: [(String, any AdapterMethod)] = [
      ("dora", DoRA(LoRA(rank: 4))), ("lora", LoRA(rank: 4)), ("ia3", IA3()),
      ("full", try WeightCopyTests.method("full")), ("partial", try WeightCopyTests.method("partial")),
    ]
    return try methods.enumerated().map { index, entry in
      var job = try TinyModel.job(entry.0, TinyModel.data(12), on: base)
      job.method = entry.1
      job.options = TrainingOptions(epochs: 2, batchRows: 4, learningRate: 5e-3, seed: UInt64(index))
      job.validation = try TinyModel.data(6).source(for: base)
      if let folder { job.destination = .folder(folder.file(entry.0)) }
      return job
    }
  }

  private func values(_ weights: AdapterWeights) -> [Float] {
    weights.siteNames.flatMap { name in weights.sites[name].map { $0.loraA + $0.loraB } ?? [] }
      + (weights.content?.tensors ?? [:]).sorted { $0.key < $1.key }.flatMap(\.value.values)
  }

  @Test func eachMethodOfARunBecomesWhatItBecomesAlone() async throws {
    let base = try await TinyModel.load()
    let jobs = try jobs(on: base)
    let together = try await TrainingRun(base, jobs: jobs).train()
    for (job, outcome) in zip(jobs, together) {
      let own = try #require(outcome.result)
      let alone = try #require(try await TrainingRun(base, jobs: [job]).train().first?.result)
      #expect(
        largestDifference(values(own.adapter.weights), values(alone.adapter.weights)) < 1e-4, "\(job.name)")
      #expect(try #require(own.evalAfter).value < #require(own.evalBefore).value - 0.01, "\(job.name)")
    }
  }

  @Test(arguments: [Precision.bf16, .int8].filter(\.isSupported))
  func methodsTrainAndGenerateOnNarrowBases(precision: Precision) async throws {
    let base = try await TinyModel.load(precision)
    for job in try jobs(on: base) {
      let result = try #require(try await TrainingRun(base, jobs: [job]).train().first?.result)
      #expect(try #require(result.evalAfter).value < #require(result.evalBefore).value - 0.01, "\(job.name)")
      let examples = try TinyModel.data(6).examples(for: base)
      let again = try await base.nll(of: examples, mix: Mix(result.adapter))
      #expect(abs(again.value - (try #require(result.evalAfter).value)) < 1e-3, "\(job.name)")
      let answer = try await base.complete([
        GenerationRequest(
          prompt: [5, 6, 7], mix: try await Mix(result.adapter).bound(to: base), maximumTokens: 4,
          ignoresEnd: true)
      ])
      #expect(answer[0].count == 4)
    }
  }

  @Test(arguments: [1, 4])
  func aStoppedRunOfSeveralMethodsEndsBitForBitAsAWholeOne(step: Int) async throws {
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
    _ = try await Task {
      try await first.train { event in
        if case .step(let event) = event, event.step == step { withUnsafeCurrentTask { $0?.cancel() } }
      }
    }.value
    #expect(parted.exists("checkpoints/step-\(step)"))
    _ = try await run(parted).train()
    for name in ["dora", "lora", "ia3", "full", "partial"] {
      let bytes = try [whole, parted].map {
        try Data(contentsOf: $0.file(name).appending(path: "adapter_model.safetensors"))
      }
      #expect(bytes[0] == bytes[1], "\(name)")
    }
  }
}
