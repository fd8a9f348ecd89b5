import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import Testing

@testable import MotetTraining

@Suite struct SavingTests {
  private func library(_ folder: TrainingFolder) -> AdapterLibrary {
    AdapterLibrary(root: folder.file("home/adapters"))
  }

  /// Two adapters that go to a library.
  private func run(
    _ base: BaseModel, in folder: TrainingFolder, start: Checkpoints.Start = .fresh
  ) throws -> TrainingRun {
    let jobs = try [("a", TinyModel.data(8)), ("b", TinyModel.sums(8))].map { name, data in
      var job = try TinyModel.job(name, data, on: base)
      job.destination = .library(library(folder))
      job.logFolder = folder.file("runs/\(name)")
      return job
    }
    return TrainingRun(
      base, jobs: jobs,
      checkpoints: Checkpoints(folder: folder.file("runs/checkpoints"), everySteps: 100, start: start))
  }

  /// Trains and keeps the last checkpoint aside: what a process leaves that is killed while it saves.
  @Compute
  private func trainKeepingCheckpoint(_ run: TrainingRun, in folder: TrainingFolder) async throws
    -> [JobOutcome]
  {
    try await run.train { event in
      guard case .checkpoint(_, let place) = event else { return }
      try? FileManager.default.copyItem(atPath: place, toPath: folder.file("kept").path)
    }
  }

  private func putCheckpointBack(_ checkpoints: URL, step: Int, in folder: TrainingFolder) throws {
    try FileManager.default.createDirectory(at: checkpoints, withIntermediateDirectories: true)
    try FileManager.default.moveItem(at: folder.file("kept"), to: checkpoints.appending(path: "step-\(step)"))
  }

  @Test func aRunKilledWhileItSavesAddsNoAdapterTwice() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let library = library(folder)
    let first = try await trainKeepingCheckpoint(run(base, in: folder), in: folder)
    #expect(first.map(\.place) == ["a@1", "b@1"])
    #expect(!folder.exists("runs"))
    try putCheckpointBack(folder.file("runs/checkpoints"), step: 4, in: folder)
    try FileManager.default.removeItem(at: library.resolve("b").folder)
    let again = try await run(base, in: folder, start: .resume).train()
    #expect(again.map(\.place) == ["a@1", "b@1"])
    #expect(again.map(\.ending) == [.completed, .completed])
    #expect(try library.versions(of: "a").count == 1)
    #expect(!folder.exists("runs"))
    // A run that is begun on purpose is a version of its own.
    #expect(try await run(base, in: folder).train().map(\.place) == ["a@2", "b@2"])
  }

  @Test func aContinuedAdapterOfTheSameNameGoesOnFromTheVersionItBeganWith() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let library = library(folder)
    let weights = try LoRA(rank: 2).initialWeights(for: base, seed: 4)
    try library.add("math", weights: weights)
    let data = try folder.write(#"{"prompt": "what is 1?", "response": "it is one"}"#, to: "rows.jsonl")
    let configuration = try RunConfiguration(
      yaml: "{data: \(data), name: math, continue: math, epochs: 3, checkpoint-every: 1}", file: "run.yaml")
    func run(_ start: Checkpoints.Start) throws -> TrainingRun {
      try configuration.run(on: base, library: library, home: folder.file("home"), start: start)
    }
    let first = try await trainKeepingCheckpoint(run(.fresh), in: folder)
    #expect(first.map(\.place) == ["math@2"])
    let entry = try library.resolve("math@2")
    #expect(try entry.record()?.parents.map(\.name) == ["math@1"])
    let yaml = try String(contentsOf: entry.folder.appending(path: "run.yaml"), encoding: .utf8)
    #expect(yaml.contains("continue: math@1"))
    // Of an earlier step, and math@2 is the newest now.
    try putCheckpointBack(folder.file("home/runs/math/checkpoints"), step: 1, in: folder)
    #expect(try await run(.resume).train().map(\.place) == ["math@2"])
    #expect(try library.versions(of: "math").count == 2)
  }

  @Test func whatIsSavedHasItsPageAndItsCurvesBesideIt() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let outcomes = try await run(base, in: folder).train()
    #expect(outcomes.count == 2)
    for name in ["a", "b"] {
      let place = try library(folder).resolve(name).folder
      let names = Set(try FileManager.default.contentsOfDirectory(atPath: place.path))
      #expect(names.isSuperset(of: ["report.html", "training.jsonl", "loss.svg", "tensorboard"]))
      #expect(TensorBoardLog.files(in: place.appending(path: "tensorboard")).count == 1)
      let page = try String(contentsOf: place.appending(path: "report.html"), encoding: .utf8)
      #expect(page.contains("Training \(name)") && page.contains("LoRA, rank 4, alpha 8"))
    }
    var without = try run(base, in: folder)
    without.jobs[0].writesTensorBoard = false
    _ = try await without.train()
    let place = try library(folder).resolve("a@2").folder
    #expect(!FileManager.default.fileExists(atPath: place.appending(path: "tensorboard").path))
  }

  @Test func aRunOfSeveralHasAPageOfAllWithDataAndGroups() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let rows = (0..<8).map {
      #"{"prompt": "what is \#($0)?", "response": "it is \#($0)", "at": "p\#($0 % 2)"}"#
    }
    let data = try folder.write(rows.joined(separator: "\n"), to: "rows.jsonl")
    let configuration = try RunConfiguration(
      yaml: """
        rank: 2
        output: \(folder.file("out").path)
        adapters:
          - {name: one, data: \(data), eval: \(data), groups: at}
          - {name: two, data: \(data), tensorboard: false, optimizer: adamw-8bit}
        """, file: "run.yaml")
    var run = try configuration.run(on: base, home: folder.file("home"))
    run.command = "motet train --config run.yaml"
    #expect(run.jobs[0].sharedRowsNote?.hasPrefix("8 of the rows") == true)
    #expect(run.jobs[1].sharedRowsNote == nil)
    let outcomes = try await run.train()
    #expect(outcomes[0].groups?.groups.map(\.rows) == [4, 4])
    #expect(outcomes[1].groups == nil)
    func page(_ name: String) throws -> String {
      try String(contentsOf: folder.file(name), encoding: .utf8)
    }
    let (whole, one) = (try page("out/report.html"), try page("out/one/report.html"))
    for text in [
      "Training one, two", "one: Data", "two: Data", "8 rows", "Smoothed training loss", "adamw-8bit",
      "motet train --config run.yaml",
    ] {
      #expect(whole.contains(text), "no \(text)")
    }
    for text in ["Validation NLL by at", "8 of the rows trained on", "<td>p0</td>"] {
      #expect(one.contains(text), "no \(text)")
    }
    #expect(!one.contains("adamw-8bit"))
    #expect(folder.exists("out/one/tensorboard") && !folder.exists("out/two/tensorboard"))
  }

  @Test func aRunStoppedInItsLastEvaluationIsNotOver() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    func run(_ start: Checkpoints.Start) throws -> TrainingRun {
      let options = TrainingOptions(epochs: 2, batchRows: 4, learningRate: 5e-3)
      return try Trainer(base, method: LoRA(rank: 2), options: options).run(
        on: TinyModel.data(8), name: "a", evaluation: TinyModel.sums(4), to: .folder(folder.file("a")),
        checkpoints: Checkpoints(folder: folder.file("a/checkpoints"), start: start))
    }
    let first = try run(.fresh)
    let stopped = try await Task { try await cancelling(first, afterStep: 4) }.value
    #expect(stopped.map(\.ending) == [.stopped])
    #expect(stopped[0].result?.evalAfter == nil)
    #expect(folder.exists("a/checkpoints/step-4"))
    let outcome = try #require(try await run(.resume).train().first)
    #expect(outcome.ending == .completed)
    #expect(outcome.result?.evalAfter != nil && outcome.result?.evalBefore != nil)
    #expect(!folder.exists("a/checkpoints"))
  }

  @Compute
  private func cancelling(_ run: TrainingRun, afterStep step: Int) async throws -> [JobOutcome] {
    if step == 0 { withUnsafeCurrentTask { $0?.cancel() } }
    return try await run.train { event in
      if case .step(let event) = event, event.step == step { withUnsafeCurrentTask { $0?.cancel() } }
    }
  }

  @Test func aRunThatCameToNothingLeavesNothing() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let run = try run(base, in: folder)
    let outcomes = try await Task { try await cancelling(run, afterStep: 0) }.value
    #expect(outcomes.map(\.ending) == [.stopped, .stopped])
    #expect(outcomes.map(\.place) == [nil, nil])
    #expect(!folder.exists("runs/checkpoints") && !folder.exists("home/adapters/a"))
  }

  @Test func theLogsOfAnAdapterThatDivergedStay() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    var run = try run(base, in: folder)
    run.jobs[1].options.learningRate = 1e30
    let outcomes = try await run.train()
    #expect(outcomes[0].place == "a@1" && outcomes[1].place == nil)
    #expect(folder.exists("runs/b/training.jsonl") && !folder.exists("runs/a"))
    #expect(!folder.exists("runs/checkpoints"))
  }
}
