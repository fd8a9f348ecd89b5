import CKernels
import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import Testing

@testable import MotetTraining

@Suite struct ComputeSetupTests {
  private func run(_ base: BaseModel, in folder: TrainingFolder) throws -> TrainingRun {
    var job = try TinyModel.job("a", TinyModel.data(12), on: base)
    job.destination = .folder(folder.file("a"))
    return TrainingRun(
      base, jobs: [job],
      checkpoints: Checkpoints(
        folder: folder.file("checkpoints"), everySteps: 1, everySeconds: nil, start: .resume))
  }

  @Compute
  private func stop(_ run: TrainingRun, after step: Int) async throws {
    _ = try await run.train { event in
      if case .step(let event) = event, event.step == step { withUnsafeCurrentTask { $0?.cancel() } }
    }
  }

  /// Rewrites the setup that a checkpoint holds.
  private func change(_ folder: TrainingFolder, step: Int, _ key: String, to value: Any) throws {
    let file = folder.file("checkpoints/step-\(step)/run.json")
    var object = try #require(
      try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
    var identity = try #require(object["identity"] as? [String: Any])
    var setup = try #require(identity["setup"] as? [String: Any])
    setup[key] = value
    identity["setup"] = setup
    object["identity"] = identity
    try JSONSerialization.data(withJSONObject: object).write(to: file)
  }

  private func settings(_ folder: TrainingFolder) throws -> [String: String] {
    try #require(try AdapterRecord.read(from: folder.file("a"))?.training?.settings)
  }

  @Test func theRecordHoldsThreadsAndVectorLevel() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    _ = try await run(base, in: folder).train()
    let settings = try settings(folder)
    #expect(settings["threads"] == "\(mk_threads())")
    #expect(settings["vector-level"] == ComputeSetup.current.vectorLevel)
    #expect(["avx512", "avx2", "portable"].contains(ComputeSetup.current.vectorLevel))
  }

  @Test func aRunThatGoesOnWithOtherThreadsSaysSo() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let first = try run(base, in: folder)
    try await Task { try await stop(first, after: 2) }.value
    try change(folder, step: 2, "threads", to: [77])
    let notes = try await resumptionNotes(run(base, in: folder))
    #expect(notes.count == 1)
    #expect(notes.first??.hasPrefix("the number of threads was 77 and is \(mk_threads()): ") == true)
    #expect(try settings(folder)["threads"] == "77, then \(mk_threads())")
  }

  @Test func aRunThatGoesOnWithTheSameSaysNothing() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let first = try run(base, in: folder)
    try await Task { try await stop(first, after: 2) }.value
    #expect(try await resumptionNotes(run(base, in: folder)) == [nil])
  }

  @Test func anotherVectorLevelIsRefused() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let first = try run(base, in: folder)
    try await Task { try await stop(first, after: 2) }.value
    try change(folder, step: 2, "vectorLevel", to: "avx9")
    let error = await #expect(throws: TrainingError.self) { _ = try await run(base, in: folder).train() }
    #expect(
      error?.description.contains("the vector level was avx9 and is \(ComputeSetup.current.vectorLevel)")
        == true)
  }

  @Compute
  private func resumptionNotes(_ run: TrainingRun) async throws -> [String?] {
    var notes: [String?] = []
    _ = try await run.train { if case .resumed(_, let note) = $0 { notes.append(note) } }
    return notes
  }
}
