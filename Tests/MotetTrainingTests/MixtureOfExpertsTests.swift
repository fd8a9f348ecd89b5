import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import Testing

@testable import MotetTraining

@Suite struct MixtureOfExpertsTests {
  private func job(_ base: BaseModel, balance: Double = 0.01) throws -> TrainingJob {
    var job = try TinyModel.job("moe", TinyModel.data(12), on: base)
    job.method = MixtureOfExperts(LoRA(rank: 2), experts: 4, top: 2, balance: balance)
    job.options = TrainingOptions(epochs: 3, batchRows: 4, learningRate: 5e-3)
    job.validation = try TinyModel.data(6).source(for: base)
    return job
  }

  @Compute private func weights(_ base: BaseModel) throws -> AdapterWeights {
    let fresh = try MixtureOfExperts(LoRA(rank: 2), experts: 3, top: 2).begin(on: base, seed: 4).weights()
    var content = try #require(fresh.content)
    var generator = SeededGenerator(seed: 9)
    for (name, tensor) in content.tensors.sorted(by: { $0.key < $1.key }) where name.hasSuffix("lora_B") {
      content.tensors[name]?.values = tensor.values.map { _ in Float(generator.normal() * 0.2) }
    }
    return try AdapterWeights(sites: [:], content: content)
  }

  @Test(arguments: Precision.allCases.filter { [.f32, .bf16, .int8].contains($0) && $0.isSupported })
  func itTrainsAndGeneratesOnEveryBase(precision: Precision) async throws {
    let base = try await TinyModel.load(precision)
    let outcome = try #require(try await TrainingRun(base, jobs: [try job(base)]).train().first)
    let result = try #require(outcome.result)
    #expect(try #require(result.evalAfter).value < #require(result.evalBefore).value - 0.1)
    let mix = try await Mix(result.adapter).bound(to: base)
    let answer = try await base.complete([
      GenerationRequest(prompt: [5, 6, 7], mix: mix, maximumTokens: 4, ignoresEnd: true)
    ])
    #expect(answer[0].count == 4)
  }

  @Test @Compute func rowsWithExpertsStandBesideOthers() async throws {
    let base = try await TinyModel.load()
    let moe = Mix(Adapter(name: "moe", weights: try weights(base)))
    let dora = Mix(try Adapter.load(ScalingFixture.dora.adapter, for: base))
    let rows = try [moe, dora, .base, moe].enumerated().map { index, mix in
      BatchRow(
        tokens: (0..<5 + index).map { Int32(3 + ($0 * 13 + index * 7) % 280) }, mix: try mix.bound(to: base))
    }
    let count = rows.reduce(0) { $0 + $1.tokens.count }
    let together = try base.logits(rows, at: Array(0..<count), on: Tape(recording: false)).values
    let alone = try rows.flatMap { row in
      try base.logits([row], at: Array(row.tokens.indices), on: Tape(recording: false)).values
    }
    #expect(largestDifference(together, alone) < 1e-4)
    let plain = try base.wholeLogits(rows[0].tokens, mix: .base)
    #expect(largestDifference(try base.wholeLogits(rows[0].tokens, mix: moe), plain) > 0.1)
  }

  @Test @Compute func itsFolderGivesTheSameWeightsAndSaysWhatItCannot() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let made = try weights(base)
    try made.write(to: folder.file("moe"))
    let adapter = try Adapter.load(folder.file("moe"), for: base)
    #expect(adapter.weights.content == made.content)
    #expect(throws: MethodError.self) { try Mix([(adapter, 0.5)]).bound(to: base) }
    #expect(throws: MethodError.self) { try Mix(adapter).require(.fuse) }
    #expect(throws: MethodError.self) { try Mix(adapter).require(.merge) }
    let own: [[String: String]] = [["experts": "1"], ["experts": "2", "top-k": "3"], ["balance": "-1"]]
    for options in own {
      #expect(throws: MethodError.self) { try MethodSettings(own: options).make(MixtureOfExperts.self) }
    }
  }

  @Test func theBalanceEvensTheLoadAndTheReportShowsIt() async throws {
    let base = try await TinyModel.load()
    func spread(_ balance: Double) async throws -> (Double, [MethodFinding]) {
      let run = TrainingRun(base, jobs: [try job(base, balance: balance)])
      return try await Compute.run {
        let learner = try Learner(run.jobs[0], on: base)
        while learner.isRunning {
          for pass in Pass.pack(try learner.nextParts(limit: 512, owner: 0), limit: 512) {
            for (_, loss) in try run.gatherGradients(pass, teachers: [nil]) { learner.gather(loss) }
          }
          _ = try learner.finishStep(secondsSoFar: 1)
        }
        let loads = learner.adapter.memory.values.map { pairs in
          stride(from: 0, to: pairs.count, by: 2).map { Double(pairs[$0]) }
        }
        let uneven =
          loads.map { ($0.max() ?? 0) / max(1, $0.reduce(0, +)) }.reduce(0, +) / Double(loads.count)
        return (uneven, learner.adapter.findings)
      }
    }
    let (even, findings) = try await spread(10)
    let (free, _) = try await spread(0)
    #expect(even < free)
    #expect(findings.first?.rows.count == 7)
    #expect(findings.first?.header.count == 6)
  }

  @Test func aStoppedRunEndsBitForBitAsAWholeOne() async throws {
    let base = try await TinyModel.load()
    let (whole, parted) = (try TrainingFolder(), try TrainingFolder())
    func run(_ folder: TrainingFolder) throws -> TrainingRun {
      var job = try job(base)
      job.destination = .folder(folder.file("moe"))
      return TrainingRun(
        base, jobs: [job],
        checkpoints: Checkpoints(
          folder: folder.file("checkpoints"), everySteps: nil, everySeconds: nil, start: .resume))
    }
    _ = try await run(whole).train()
    let first = try run(parted)
    _ = try await Task {
      try await first.train { event in
        if case .step(let event) = event, event.step == 3 { withUnsafeCurrentTask { $0?.cancel() } }
      }
    }.value
    _ = try await run(parted).train()
    let bytes = try [whole, parted].map {
      try Data(contentsOf: $0.file("moe").appending(path: "adapter_model.safetensors"))
    }
    #expect(bytes[0] == bytes[1])
  }
}
