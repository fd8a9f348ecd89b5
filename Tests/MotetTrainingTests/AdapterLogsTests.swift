import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import Testing

@testable import MotetTraining

@Suite struct AdapterLogsTests {
  /// Step and kind of each record of an event file, read as `tensorboard` reads them: fields 2 (step), 7 (start).
  private func records(_ file: URL) throws -> [(step: Int, isStart: Bool)] {
    var rest = Array(try Data(contentsOf: file))[...]
    var records: [(step: Int, isStart: Bool)] = []
    while rest.count >= 16 {
      let length = rest.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
      records.append(event(rest.dropFirst(12).prefix(length)))
      rest = rest.dropFirst(16 + length)
    }
    return records
  }

  private func event(_ bytes: ArraySlice<UInt8>) -> (step: Int, isStart: Bool) {
    var rest = bytes
    var (step, isStart) = (0, false)
    func varint() -> Int {
      var (value, shift) = (0, 0)
      while let byte = rest.popFirst() {
        value |= Int(byte & 127) << shift
        shift += 7
        if byte < 128 { break }
      }
      return value
    }
    while !rest.isEmpty {
      let tag = varint()
      switch tag & 7 {
      case 0: step = varint()
      case 1: rest = rest.dropFirst(8)
      default:
        isStart = isStart || tag >> 3 == 7
        let length = varint()
        rest = rest.dropFirst(length)
      }
    }
    return (step, isStart)
  }

  private func run(
    _ base: BaseModel, in folder: TrainingFolder, start: Checkpoints.Start
  ) throws -> TrainingRun {
    let options = TrainingOptions(epochs: 2, batchRows: 2, learningRate: 5e-3, evaluationSteps: 2)
    return try Trainer(base, method: LoRA(rank: 2), options: options).run(
      on: TinyModel.data(8), name: "a", evaluation: TinyModel.sums(4), to: .folder(folder.file("a")),
      checkpoints: Checkpoints(folder: folder.file("a/checkpoints"), everySteps: 3, start: start))
  }

  @Compute
  private func train(_ run: TrainingRun, failingAt step: Int) async throws {
    struct Killed: Error {}
    // What a killed process leaves: logs of more steps than the checkpoint has.
    let copy = run.checkpoints?.folder.deletingLastPathComponent().appending(path: "kept")
    _ = try await run.train { event in
      guard let copy, let folder = run.checkpoints?.folder else { return }
      if case .step(let event) = event, event.step == step {
        try? FileManager.default.copyItem(at: folder, to: copy)
        withUnsafeCurrentTask { $0?.cancel() }
      }
    }
    guard let copy, let folder = run.checkpoints?.folder else { throw Killed() }
    try FileManager.default.removeItem(at: folder)
    try FileManager.default.moveItem(at: copy, to: folder)
  }

  @Test func logsGoOnFromTheStepOfTheCheckpoint() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let first = try run(base, in: folder, start: .fresh)
    try await Task { try await train(first, failingAt: 5) }.value
    #expect(folder.exists("a/checkpoints/step-3"))
    let outcome = try #require(try await run(base, in: folder, start: .resume).train().first)
    #expect(outcome.ending == .completed)
    let files = TensorBoardLog.files(in: folder.file("a/tensorboard"))
    #expect(files.count == 2)
    let (before, after) = (try records(files[0]), try records(files[1]))
    #expect(before.map(\.step) == [0, 0, 0, 1, 2, 2, 3, 4, 4, 5])
    #expect(before.allSatisfy { !$0.isStart })
    #expect(after.map(\.step) == [0, 4, 4, 4, 5, 6, 6, 7, 8, 8])
    #expect(after.map(\.isStart) == [false, true] + [Bool](repeating: false, count: 8))
    let log = try String(contentsOf: folder.file("a/training.jsonl"), encoding: .utf8)
    let steps = log.matches(of: /"step":(\d+),"loss"/).map { Int($0.1) ?? 0 }
    #expect(steps == Array(1...8))
    #expect(log.matches(of: /validation_nll/).count == 4)
  }

  @Test func aRunBegunAnewTakesBackWhatTheOldOneWrote() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    _ = try await run(base, in: folder, start: .fresh).train()
    _ = try await run(base, in: folder, start: .overwrite)
      .replacing().train()
    let files = TensorBoardLog.files(in: folder.file("a/tensorboard"))
    #expect(files.count == 2)
    let anew = try records(files[1])
    #expect(anew[1].isStart && anew[1].step == 0)
    #expect(anew.last?.step == 8)
  }
}

extension TrainingRun {
  /// The same, over the adapter that is there.
  fileprivate func replacing() -> TrainingRun {
    var run = self
    for index in run.jobs.indices {
      if case .folder(let folder, _) = run.jobs[index].destination {
        run.jobs[index].destination = .folder(folder, replaces: true)
      }
    }
    return run
  }
}
