import Foundation
import MotetAdapters
import MotetFormats
import MotetModels
import MotetTensor
import Testing

@testable import MotetTraining

@Suite struct CheckpointTests {
  private static let options = TrainingOptions(
    epochs: 2.5, batchRows: 2, accumulation: 2, learningRate: 5e-3, seed: 3, evaluationSteps: 2, keep: .best)

  private func jobs(_ base: BaseModel, in folder: TrainingFolder) throws -> [TrainingJob] {
    var first = try TinyModel.job(
      "a", TinyModel.data(12), on: base, method: LoRA(rank: 4, dropout: 0.2), options: Self.options,
      validation: TinyModel.data(5))
    var second = try TinyModel.job(
      "b", TinyModel.sums(9), on: base,
      options: TrainingOptions(epochs: 2, batchRows: 4, optimizer: .adamW8bit, learningRate: 5e-3))
    first.destination = .folder(folder.file("a"))
    second.destination = .folder(folder.file("b"))
    return [first, second]
  }

  private func run(
    _ base: BaseModel, in folder: TrainingFolder, start: Checkpoints.Start = .resume, every: Int? = 1
  ) throws -> TrainingRun {
    TrainingRun(
      base, jobs: try jobs(base, in: folder),
      checkpoints: Checkpoints(
        folder: folder.file("checkpoints"), everySteps: every, everySeconds: nil, start: start))
  }

  private func bytes(_ folder: TrainingFolder) throws -> [Data] {
    try ["a", "b"].flatMap { name in
      try ["adapter_model.safetensors", "adapter_config.json"].map {
        try Data(contentsOf: folder.file(name).appending(path: $0))
      }
    }
  }

  /// Ends the run after a step, as Ctrl-C does.
  @Compute
  private func train(_ run: TrainingRun, cancellingAfter step: Int) async throws -> [JobOutcome] {
    try await run.train { event in
      if case .step(let event) = event, event.step == step { withUnsafeCurrentTask { $0?.cancel() } }
    }
  }

  @Test(arguments: 1...7)
  func aRunThatWasStoppedEndsBitForBitAsOneThatWasNot(step: Int) async throws {
    let base = try await TinyModel.load()
    let (whole, parted) = (try TrainingFolder(), try TrainingFolder())
    let wholeOutcomes = try await run(base, in: whole).train()
    let first = try run(base, in: parted, every: nil)
    let stopped = try await Task { try await train(first, cancellingAfter: step) }.value
    #expect(stopped.contains { $0.ending == .stopped })
    #expect(parted.exists("checkpoints/step-\(step)"))
    let outcomes = try await run(base, in: parted).train()
    #expect(outcomes.map(\.ending) == [.completed, .completed])
    #expect(try bytes(whole) == bytes(parted))
    #expect(outcomes[0].result?.events.map(\.step) == Array(1...8))
    for (one, other) in zip(wholeOutcomes, outcomes) {
      #expect(one.result?.events.map(\.smoothedLoss) == other.result?.events.map(\.smoothedLoss))
      #expect(one.result?.validations == other.result?.validations)
    }
    #expect(!parted.exists("checkpoints"))
    let (log, other) = (
      try String(contentsOf: whole.file("a/training.jsonl"), encoding: .utf8),
      try String(contentsOf: parted.file("a/training.jsonl"), encoding: .utf8)
    )
    #expect(log.split(separator: "\n").count == other.split(separator: "\n").count)
  }

  @Test func aRunGoesOnFromTheDiskAsAKilledProcessLeftIt() async throws {
    let base = try await TinyModel.load()
    let whole = try TrainingFolder()
    let copies = try TrainingFolder()
    let first = try run(base, in: whole)
    _ = try await Compute.run {
      try await first.train { event in
        if case .checkpoint(let step, let folder) = event {
          let copy = copies.file("\(step)/checkpoints")
          try? FileManager.default.createDirectory(at: copy, withIntermediateDirectories: true)
          try? FileManager.default.copyItem(
            at: URL(filePath: folder), to: copy.appending(path: "step-\(step)"))
        }
      }
    }
    for step in [1, 3, 6] {
      let killed = try TrainingFolder()
      try FileManager.default.copyItem(
        at: copies.file("\(step)/checkpoints"), to: killed.file("checkpoints"))
      // What a process leaves that dies while it writes the next checkpoint.
      let draft = killed.file("checkpoints/.writing-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: draft, withIntermediateDirectories: true)
      try Data("half".utf8).write(to: draft.appending(path: "0.safetensors"))
      _ = try await run(base, in: killed).train()
      #expect(try bytes(whole) == bytes(killed))
      #expect(!killed.exists("checkpoints"))
    }
  }

  @Test func anUnfinishedRunIsNotBegunAnewByMistake() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let first = try run(base, in: folder, start: .fresh)
    _ = try await Task { try await train(first, cancellingAfter: 2) }.value
    let error = await #expect(throws: TrainingError.self) {
      try await run(base, in: folder, start: .fresh).train()
    }
    guard case .unfinished(_, step: 2)? = error else {
      Issue.record("\(error.map { "\($0)" } ?? "")")
      return
    }
    var anew = try run(base, in: folder, start: .overwrite)
    for index in anew.jobs.indices { anew.jobs[index].destination = nil }
    let outcomes = try await anew.train()
    #expect(outcomes[0].result?.events.count == 8)
    #expect(!folder.exists("checkpoints"))
  }

  @Test func aRunThatDiffersIsNotResumedAndSaysWhatDiffers() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let first = try run(base, in: folder)
    _ = try await Task { try await train(first, cancellingAfter: 2) }.value
    func differences(_ change: (inout TrainingRun) -> Void) async throws -> [String] {
      var other = try run(base, in: folder)
      change(&other)
      let changed = other
      let error = await #expect(throws: TrainingError.self) { _ = try await changed.train() }
      guard case .differs(_, let what)? = error else { return ["\(error.map { "\($0)" } ?? "")"] }
      return what
    }
    let rate = try await differences { $0.jobs[0].options.learningRate = 1 }
    #expect(rate == ["a: lr was 0.005 and is 1.0"])
    let rank = try await differences { $0.jobs[1].method = LoRA(rank: 2, alpha: 8) }
    #expect(rank == ["b: rank was 4 and is 2"])
    let passes = try await differences { $0.tokensPerPass = 64 }
    #expect(passes == ["tokens-per-pass was 512 and is 64"])
    let data = try TinyModel.data(13).source(for: base)
    let rows = try await differences { $0.jobs[0].data = data }
    #expect(rows.first?.hasPrefix("a: data was 12 rows") == true)
    let narrow = try await TinyModel.load(Precision.bf16.isAvailable ? .bf16 : .nf4)
    let other = try run(narrow, in: folder)
    await #expect(throws: TrainingError.self) { try await other.train() }
    #expect(folder.exists("checkpoints/step-2"))
  }

  @Test func aDamagedCheckpointIsRefusedByName() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let first = try run(base, in: folder)
    _ = try await Task { try await train(first, cancellingAfter: 2) }.value
    let place = folder.file("checkpoints/step-2")
    for name in ["run.json", "0.json", "0.safetensors"] {
      let whole = try Data(contentsOf: place.appending(path: name))
      try whole.prefix(whole.count / 2).write(to: place.appending(path: name))
      let error = await #expect(throws: (any Error).self) { try await run(base, in: folder).train() }
      #expect(error.map { "\($0)" }?.contains(name) == true)
      try whole.write(to: place.appending(path: name))
    }
    _ = try await run(base, in: folder).train()
  }

  @Test func aCheckpointThatCannotBeWrittenLeavesTheOneBefore() throws {
    let folder = try TrainingFolder()
    let checkpoints = Checkpoints(folder: folder.file("checkpoints"))
    try checkpoints.write(step: 1) { try Data("one".utf8).write(to: $0.appending(path: "x")) }
    let full = FormatError.unwritable(file: "x", reason: "the disk is full")
    #expect(throws: full) {
      try checkpoints.write(step: 2) {
        try Data("two".utf8).write(to: $0.appending(path: "x"))
        throw full
      }
    }
    #expect(checkpoints.newest()?.step == 1)
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.file("checkpoints").path)
    #expect(left == ["step-1"])
    try checkpoints.write(step: 12) { try Data("three".utf8).write(to: $0.appending(path: "x")) }
    #expect(checkpoints.newest()?.step == 12)
    #expect(!folder.exists("checkpoints/step-1"))
  }

  @Test func twoProcessesDoNotWriteOneRun() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let run = try run(base, in: folder)
    do {
      let lock = try RunLock(try #require(run.checkpoints))
      await #expect(throws: TrainingError.busy(folder: folder.url.relativePath)) { _ = try await run.train() }
      withExtendedLifetime(lock) {}
    }
    _ = try await run.train()
    #expect(!folder.exists("checkpoints"))
  }

  @Test @Compute func anOptimizerGoesOnFromItsState() throws {
    func parameter() -> Parameter { Parameter(rows: 2, columns: 3, [1, 2, 3, 4, 5, 6], trainable: true) }
    func step(_ optimizer: AdamW, _ seed: UInt64) {
      var generator = SeededGenerator(seed: seed)
      for parameter in optimizer.parameters {
        parameter.gradient?.copy(
          from: Tensor(rows: 2, columns: 3, (0..<6).map { _ in Float(generator.normal()) }))
      }
      optimizer.step(learningRate: 0.1, gradientScale: 1)
    }
    let whole = AdamW([parameter()], options: AdamW.Options())
    for seed: UInt64 in 0..<4 { step(whole, seed) }
    let first = AdamW([parameter()], options: AdamW.Options())
    for seed: UInt64 in 0..<2 { step(first, seed) }
    let second = AdamW(first.parameters, options: AdamW.Options())
    try second.restore(first.state)
    for seed: UInt64 in 2..<4 { step(second, seed) }
    #expect(whole.parameters[0].values.values == second.parameters[0].values.values)
    #expect(whole.state == second.state)
    #expect(throws: OptimizerStateError.missing("mean.0")) { try second.restore(OptimizerState(steps: 1)) }
    let other = AdamW([Parameter(rows: 1, columns: 1, [0], trainable: true)], options: AdamW.Options())
    #expect(throws: OptimizerStateError.size("mean.0", bytes: 24, expected: 4)) {
      try other.restore(whole.state)
    }
  }
}
