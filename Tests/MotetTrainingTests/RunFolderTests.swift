import Foundation
import MotetAdapters
import MotetFormats
import MotetModels
import MotetTensor
import Testing

@testable import MotetTraining

/// What `train --output DIR` does to what is in DIR.
@Suite struct RunFolderTests {
  private func run(
    _ base: BaseModel, in folder: TrainingFolder, replaces: Bool = false, start: Checkpoints.Start = .fresh,
    checkpoints: Bool = true, rate: Double = 5e-3
  ) throws -> TrainingRun {
    var job = try TinyModel.job(
      "a", TinyModel.data(8), on: base,
      options: TrainingOptions(epochs: 2, batchRows: 4, learningRate: rate))
    job.destination = .folder(folder.file("a"), replaces: replaces)
    return TrainingRun(
      base, jobs: [job],
      checkpoints: checkpoints
        ? Checkpoints(folder: folder.file("a/checkpoints"), everySteps: 1, start: start) : nil)
  }

  @Compute
  private func train(_ run: TrainingRun, cancellingAfter step: Int) async throws -> [JobOutcome] {
    try await run.train { event in
      if case .step(let event) = event, event.step == step { withUnsafeCurrentTask { $0?.cancel() } }
    }
  }

  private func names(_ folder: TrainingFolder) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.file("a").path).sorted()
  }

  private static let whole = [
    "adapter_config.json", "adapter_model.safetensors", "loss.svg", "motet.json", "report.html",
    "tensorboard",
    "training.jsonl",
  ]

  @Test func aFinishedFolderIsListedAndReplacedOnlyWhenGivenUp() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    _ = try await run(base, in: folder).train()
    #expect(try names(folder) == Self.whole)
    let record = try #require(try AdapterRecord.read(from: folder.file("a")))
    #expect(
      record.files?.filter { !$0.hasPrefix("tensorboard/") } == Self.whole.filter { $0 != "tensorboard" })
    await #expect(throws: OwnedFolderError.holdsAdapter(path: folder.file("a").relativePath)) {
      _ = try await run(base, in: folder).train()
    }
    _ = try await run(base, in: folder, replaces: true, start: .overwrite).train()
    #expect(try names(folder) == Self.whole)
    _ = try Adapter.load(folder.file("a"), for: base)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["a"])
  }

  /// A set of rows may well be called training.jsonl, which the log would begin anew.
  @Test(arguments: [
    "training.jsonl", "notes.txt", "checkpoints/step-1000/optimizer.pt", "tensorboard/events.x",
  ])
  func whatIsNotOfARunIsRefusedBeforeAnyStep(file: String) async throws {
    let base = try await TinyModel.load()
    for checkpoints in [true, false] {
      let folder = try TrainingFolder()
      let place = folder.file("a/\(file)")
      try FileManager.default.createDirectory(
        at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
      _ = try folder.write("mine", to: "a/\(file)")
      for replaces in [false, true] {
        let run = try run(
          base, in: folder, replaces: replaces, start: replaces ? .overwrite : .fresh,
          checkpoints: checkpoints)
        let error = await #expect(throws: (any Error).self) { _ = try await run.train() }
        #expect("\(error.map { "\($0)" } ?? "")".contains("holds "))
      }
      #expect(try String(contentsOf: place, encoding: .utf8) == "mine")
      #expect(try names(folder).count == 1)
    }
  }

  @Test func aStoppedRunGoesOnBesideWhatItsUserPutThere() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let first = try run(base, in: folder)
    let stopped = try await Task { try await train(first, cancellingAfter: 2) }.value
    #expect(stopped.map(\.ending) == [.stopped])
    #expect(folder.exists("a/checkpoints/step-2") && folder.exists("a/.motet-run"))
    #expect(folder.exists("a/adapter_config.json"))
    _ = try folder.write("mine", to: "a/notes.txt")
    let outcomes = try await run(base, in: folder, start: .resume).train()
    #expect(outcomes.map(\.ending) == [.completed])
    #expect(try names(folder) == (Self.whole + ["notes.txt"]).sorted())
    #expect(try String(contentsOf: folder.file("a/notes.txt"), encoding: .utf8) == "mine")
    #expect(try AdapterRecord.read(from: folder.file("a"))?.files?.contains("notes.txt") == false)
    let adapter = try Adapter.load(folder.file("a"), for: base)
    #expect(adapter.weights == outcomes[0].result?.adapter.weights)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["a"])
  }

  @Test func anOldAdapterStaysWholeUntilTheNewOneIsThere() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let old = try #require(try await run(base, in: folder).train().first?.result?.adapter.weights)
    let run = try run(base, in: folder, replaces: true, start: .overwrite, rate: 1e-2)
    let events = try await during(run) { try Adapter.load(folder.file("a"), for: base).weights }
    #expect(events.count == 4 && events.allSatisfy { $0 == old })
    #expect(try Adapter.load(folder.file("a"), for: base).weights != old)
  }

  @Compute
  private func during<T: Sendable>(_ run: TrainingRun, _ look: () throws -> T) async throws -> [T] {
    var seen: [Result<T, any Error>] = []
    _ = try await run.train { if case .step = $0 { seen.append(Result { try look() }) } }
    return try seen.map { try $0.get() }
  }

  @Test func aRunThatDivergedMayBeBegunAnew() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let outcomes = try await run(base, in: folder, checkpoints: false, rate: 1e30).train()
    #expect(outcomes[0].place == nil && folder.exists("a/training.jsonl"))
    _ = try await run(base, in: folder, checkpoints: false).train()
    #expect(try names(folder) == Self.whole)
  }

  @Test func twoProcessesDoNotTrainIntoOneFolder() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    do {
      let lock = try RunFolder(folder: folder.file("a")).begin()
      await #expect(throws: TrainingError.busy(folder: folder.file("a").relativePath)) {
        _ = try await run(base, in: folder, checkpoints: false).train()
      }
      withExtendedLifetime(lock) {}
    }
    _ = try await run(base, in: folder, checkpoints: false).train()
    #expect(try names(folder) == Self.whole)
  }

  @Test func aLinkToTheFolderStaysALink() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    try FileManager.default.createDirectory(at: folder.file("disk"), withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(atPath: folder.file("a").path, withDestinationPath: "disk")
    _ = try await run(base, in: folder).train()
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder.file("a").path) == "disk")
    #expect(folder.exists("disk/adapter_model.safetensors"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted() == ["a", "disk"])
  }

  @Test func aPageThatIsNotOfARunIsNotReplaced() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    var run = try run(base, in: folder)
    run.report = folder.file("report.html")
    _ = try folder.write("<html>my own</html>", to: "report.html")
    await #expect(throws: TrainingError.holdsOther(folder: folder.url.relativePath, file: "report.html")) {
      _ = try await run.train()
    }
    #expect(!folder.exists("a"))
  }

  @Test func checkpointsOfOtherToolsAreNotRemoved() throws {
    let folder = try TrainingFolder()
    let checkpoints = Checkpoints(folder: folder.file("checkpoints"))
    try checkpoints.write(step: 1) { try Data("{}".utf8).write(to: $0.appending(path: "run.json")) }
    let theirs = folder.file("checkpoints/step-500")
    try FileManager.default.createDirectory(at: theirs, withIntermediateDirectories: true)
    try Data("mine".utf8).write(to: theirs.appending(path: "model.pt"))
    #expect(throws: TrainingError.self) { try checkpoints.requireOwn() }
    checkpoints.clear()
    #expect(!folder.exists("checkpoints/step-1") && folder.exists("checkpoints/step-500/model.pt"))
    checkpoints.remove()
    #expect(folder.exists("checkpoints/step-500/model.pt"))
  }

  @Test func emptyPathsAndNamesAreRefused() throws {
    for yaml in [
      "{data: x.jsonl, output: ''}", "{data: x.jsonl, name: ''}", "{data: x.jsonl, output: out, name: ''}",
      "{output: '', adapters: [{name: a, data: x.jsonl}]}",
    ] {
      let error = #expect(throws: ConfigurationError.self) {
        try RunConfiguration(yaml: yaml, file: "run.yaml")
      }
      #expect("\(error.map { "\($0)" } ?? "")".contains("cannot be \"\""), "\(yaml)")
    }
    let outside = try RunConfiguration(
      yaml: "{output: out, adapters: [{name: ../a, data: x.jsonl}]}", file: "run.yaml")
    #expect(throws: LibraryError.self) { try outside.check() }
  }

  @Test func tablesOfOthersAreNotReplaced() throws {
    let folder = try TrainingFolder()
    try TuningTable.requireOwn(in: folder.url, beside: TuningTable.otherFiles)
    _ = try folder.write("rank: 8", to: "winner.yaml")
    #expect(throws: TrainingError.holdsOther(folder: folder.url.relativePath, file: "winner.yaml")) {
      try TuningTable.requireOwn(in: folder.url, beside: TuningTable.otherFiles)
    }
    _ = try folder.write("[1, 2]", to: "comparison.json")
    #expect(throws: TrainingError.holdsOther(folder: folder.url.relativePath, file: "comparison.json")) {
      try ComparisonTable.requireOwn(in: folder.url, beside: ComparisonTable.otherFiles)
    }
  }
}
