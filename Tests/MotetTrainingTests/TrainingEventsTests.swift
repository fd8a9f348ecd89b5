import Foundation
import MotetAdapters
import MotetModels
import Testing

@testable import MotetTraining

@Suite struct TrainingEventsTests {
  private func run(_ base: BaseModel, in folder: TrainingFolder) throws -> TrainingRun {
    try Trainer(base, method: LoRA(rank: 2), options: TrainingOptions(epochs: 4, batchRows: 2)).run(
      on: TinyModel.data(8), name: "math", evaluation: TinyModel.data(3),
      to: .folder(folder.file("math")), checkpoints: Checkpoints(folder: folder.file("math/checkpoints")))
  }

  @Test func aRunIsFollowedByItsEvents() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    var steps: [Int] = []
    var validations = 0
    var place: String?
    for try await event in try run(base, in: folder).events() {
      switch event {
      case .step(let step): steps.append(step.step)
      case .validation: validations += 1
      case .finished(let outcome): place = outcome.place
      default: break
      }
    }
    #expect(steps == Array(1...16))
    #expect(validations == 1)
    #expect(place == folder.file("math").path)
    #expect(try Adapter.load(folder.file("math"), for: base).record?.training?.steps == 16)
    let log = try String(contentsOf: folder.file("math/training.jsonl"), encoding: .utf8)
    #expect(log.split(separator: "\n").count == 17)
  }

  @Test func cancellingTheReaderSavesAndStops() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let run = try run(base, in: folder)
    let reader = Task {
      var last: RunEvent?
      for try await event in run.events() {
        if case .step(let step) = event, step.step == 3 { withUnsafeCurrentTask { $0?.cancel() } }
        last = event
      }
      return last
    }
    guard case .finished(let outcome)? = try await reader.value else {
      Issue.record("the sequence ended before the run had")
      return
    }
    #expect(outcome.ending == .stopped)
    let steps = try #require(outcome.result?.events.count)
    #expect((3..<16).contains(steps))
    #expect(folder.exists("math/adapter_model.safetensors"))
    #expect(folder.exists("math/checkpoints/step-\(steps)"))
  }

  @Test func whatKeepsARunFromBeginningEndsTheSequence() async throws {
    let base = try await TinyModel.load()
    let empty = TrainingJob(name: "a", data: ExampleList([], digest: ""))
    await #expect(throws: TrainingError.noRows(job: "a")) {
      for try await _ in TrainingRun(base, jobs: [empty]).events() { Issue.record("an event") }
    }
  }

  @Test func theLogGrowsWithTheRun() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let run = try run(base, in: folder)
    var lines: [Int] = []
    for try await event in run.events() {
      if case .step(let step) = event {
        let log = try String(contentsOf: folder.file("math/training.jsonl"), encoding: .utf8)
        let written = log.split(separator: "\n").count
        #expect(written >= step.step)
        lines.append(written)
      }
    }
    #expect(lines.first != nil)
  }
}
