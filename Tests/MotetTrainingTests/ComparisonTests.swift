import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import Testing

@testable import MotetTraining

@Suite struct ComparisonTests {
  private static let flags = ["--epochs", "2", "--batch", "3", "--seed", "5", "--lr", "5e-3"]

  private func configuration(_ flags: [String], in folder: TrainingFolder) throws -> RunConfiguration {
    func lines(_ range: Range<Int>) -> String {
      range.map { #"{"prompt": "what is \#($0)?", "response": "the answer is \#($0 + 1)"}"# + "\n" }.joined()
    }
    // A comparison that is held reads its rows again: they are written once.
    for (name, range) in [("data.jsonl", 0..<12), ("eval.jsonl", 12..<17)] where !folder.exists(name) {
      _ = try folder.write(lines(range), to: name)
    }
    var configuration = RunConfiguration()
    try configuration.apply(
      flags: ["--data", folder.file("data.jsonl").path, "--eval", folder.file("eval.jsonl").path] + flags)
    return configuration
  }

  private func comparison(
    of methods: String, _ flags: [String] = flags, on base: BaseModel, in folder: TrainingFolder
  ) throws -> Comparison {
    let plain = Dataset(
      (0..<4).map { DatasetRow(.text("the river is \($0) miles long"), line: $0) }, name: "plain")
    var comparison = try configuration(flags, in: folder).comparison(
      of: RunConfiguration.methods(methods), on: base, plain: plain.source(for: base),
      folder: folder.file("out"))
    comparison.tokens = 4
    return comparison
  }

  /// The names of the methods of which a step was taken.
  @Compute
  private func run(_ comparison: Comparison) async throws -> (result: ComparisonTable, trained: Set<String>) {
    var trained = Set<String>()
    let result = try await comparison.run {
      if case .step(.step(let step)) = $0 { trained.insert(step.job) }
    }
    return (result, trained)
  }

  private func refusal(of comparison: Comparison) async -> ComparisonError? {
    do {
      _ = try await comparison.run()
      return nil
    } catch { return error as? ComparisonError }
  }

  @Test func everyMethodIsARowOfWhatTrainingItAloneGives() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    // AdaLoRA's budget needs some steps.
    let flags = ["--epochs", "5", "--batch", "3", "--seed", "5"]
    let comparison = try comparison(of: "all", flags, on: base, in: folder)
    let (result, trained) = try await run(comparison)
    #expect(result.rows.map(\.name) == AdapterMethods.names)
    #expect(trained == Set(AdapterMethods.names))
    for (row, job) in zip(result.rows, comparison.jobs) {
      #expect(row.failure == nil && row.stage == .measured, "\(row.name): \(row.failure ?? "")")
      let alone = try #require(try await TrainingRun(base, jobs: [job]).train().first?.result)
      #expect(row.nll == alone.evalAfter?.value, "\(row.name)")
      #expect(row.parameters == alone.trainableParameters && row.tokens == alone.tokens)
      #expect(row.tokens == result.rows[0].tokens)
      let method = try AdapterMethods.named(row.name)
      #expect(row.settings["lr"] == "\(method.learningRate)")
      let saved = Mix(try Adapter.load(folder.file("out").appending(path: row.name), for: base))
      let (text, before) = (comparison.plain, result.base.plainNLL)
      let forgotten = try await base.nll(of: text, mix: saved).value
      #expect(row.plainNLL == forgotten)
      #expect(row.plainNLL != before, "\(row.name)")
      #expect(
        (row.adapterBytes ?? 0) > 100 && (row.secondsPerStep ?? 0) > 0 && (row.secondsPerToken ?? 0) > 0)
      let refusal = method.refusals[.fuse]
      #expect(row.mergeRefusal == refusal)
      #expect((row.secondsPerMergedToken != nil) == (refusal == nil), "\(row.name)")
      _ = try RunConfiguration(contentsOf: folder.file("out/\(row.name)/run.yaml").path)
    }
    #expect(!folder.exists("out/.fused"))
    for name in ["json", "md", "html"] { #expect(folder.exists("out/comparison.\(name)")) }
    let text = ComparisonReport(result).text()
    for name in AdapterMethods.names { #expect(text.contains(name)) }
  }

  @Test func aSecondCallTrainsNothingAndMethodsCanBeAdded() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let (first, trained) = try await run(comparison(of: "ia3,lora", on: base, in: folder))
    #expect(trained == ["lora", "ia3"])
    // In the order of the methods.
    #expect(first.rows.map(\.name) == ["lora", "ia3"])
    let (again, none) = try await run(comparison(of: "lora,ia3", on: base, in: folder))
    #expect(none.isEmpty)
    #expect(again == first)
    let (more, added) = try await run(comparison(of: "dora", on: base, in: folder))
    #expect(added == ["dora"])
    #expect(more.rows.map(\.name) == ["lora", "dora", "ia3"])
    #expect(more.rows[0] == first.rows[0] && more.rows[2] == first.rows[1])
  }

  @Test func whatFailsToBeMeasuredIsMeasuredAgainAndNotTrainedAgain() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let comparison = try comparison(of: "lora", on: base, in: folder)
    let file = folder.file("out/lora/adapter_model.safetensors")
    var weights: Data?
    let failed = try await comparison.run { event in
      guard case .measuring = event else { return }
      weights = try? Data(contentsOf: file)
      try? FileManager.default.removeItem(at: file)
    }
    #expect(failed.rows[0].failure != nil && failed.rows[0].stage == .trained)
    try #require(weights).write(to: file)
    let (again, trained) = try await run(comparison)
    #expect(trained.isEmpty)
    #expect(again.rows[0].failure == nil && again.rows[0].stage == .measured)
    #expect(again.rows[0].nll == failed.rows[0].nll)
  }

  @Test func otherSettingsAreRefusedAndNamed() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let first = try await run(comparison(of: "lora,ia3", on: base, in: folder)).result
    let other = try comparison(
      of: "lora,ia3", ["--epochs", "2", "--batch", "2", "--seed", "5", "--lr", "5e-3"], on: base, in: folder)
    let batch = await refusal(of: other)
    #expect(
      batch == .holdsOther(folder: other.folder.relativePath, what: ["lora: batch was 3 and is 2"]))
    var longer = try comparison(of: "lora", on: base, in: folder)
    longer.tokens = 5
    let tokens = await refusal(of: longer)
    #expect(tokens == .holdsOther(folder: longer.folder.relativePath, what: ["tokens was 4 and is 5"]))
    var anew = other
    anew.overwrites = true
    let (result, trained) = try await run(anew)
    #expect(trained == ["lora", "ia3"])
    #expect(result.rows[0].nll != first.rows[0].nll)
  }

  @Test func aStoppedComparisonGoesOnWhereItWas() async throws {
    let base = try await TinyModel.load()
    let (whole, parted) = (try TrainingFolder(), try TrainingFolder())
    let expected = try await run(comparison(of: "lora,dora,ia3", on: base, in: whole)).result
    let first = try comparison(of: "lora,dora,ia3", on: base, in: parted)
    let stopped = await Task { @Compute in
      do {
        _ = try await first.run {
          if case .step(.step(let step)) = $0, step.job == "dora", step.step == 3 {
            withUnsafeCurrentTask { $0?.cancel() }
          }
        }
        return false
      } catch { return error is CancellationError }
    }.value
    #expect(stopped)
    #expect(parted.exists("out/dora/checkpoints/step-3"))
    let second = try comparison(of: "lora,dora,ia3", on: base, in: parted)
    let result = try await Compute.run {
      var steps: [String] = []
      let result = try await second.run {
        if case .step(.step(let step)) = $0 { steps.append("\(step.job) \(step.step)") }
      }
      return (result, steps)
    }
    #expect(result.1.first == "dora 4")
    #expect(!result.1.contains { $0.hasPrefix("lora") })
    #expect(result.0.rows.map(\.nll) == expected.rows.map(\.nll))
    #expect(result.0.rows.map(\.plainNLL) == expected.rows.map(\.plainNLL))
  }

  @Test func aMethodThatFailsOrDivergesIsARowThatSaysSo() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    // AdaLoRA's ranks could not be taken away in so few steps.
    var comparison = try comparison(
      of: "lora,adalora,ia3", ["--epochs", "2", "--batch", "3", "--tinit", "50"], on: base, in: folder)
    comparison.jobs[2].options.learningRate = 1e30
    comparison.jobs[2].options.spikeSigma = nil
    let (result, _) = try await run(comparison)
    #expect(result.rows.map(\.name) == ["lora", "adalora", "ia3"])
    #expect(result.rows[0].stage == .measured)
    #expect(result.rows[1].stage == .failed && result.rows[1].failure?.contains("adalora") == true)
    let text = ComparisonReport(result).text()
    #expect(text.contains("adalora: \(result.rows[1].failure ?? "")"))
    #expect(result.rows[2].stage == .diverged)
    #expect(text.contains("ia3: it diverged"))
  }

  @Test func badRequestsAreRefused() async throws {
    let folder = try TrainingFolder()
    #expect(throws: MethodError.unknown("prefx", near: ["prefix"])) {
      try RunConfiguration.methods("lora,prefx")
    }
    #expect(throws: ComparisonError.nothing) { try RunConfiguration.methods(" ,") }
    #expect(try RunConfiguration.methods("dora, lora,dora") == ["dora", "lora"])
    #expect(try RunConfiguration.methods("all") == AdapterMethods.names)
    func check(_ flags: [String]) throws {
      try configuration(flags, in: folder).checkComparison(of: ["lora", "ia3"])
    }
    try check(["--rank", "4"])
    #expect(throws: ComparisonError.notCompared(option: "method")) { try check(["--method", "dora"]) }
    #expect(throws: ComparisonError.notCompared(option: "output")) { try check(["--output", "x"]) }
    #expect(throws: ComparisonError.optionOfNone("virtual-tokens", methods: ["lora", "ia3"])) {
      try check(["--virtual-tokens", "4"])
    }
    var bare = RunConfiguration()
    #expect(throws: ConfigurationError.noData(adapter: "the comparison")) {
      try bare.checkComparison(of: ["lora"])
    }
    try bare.apply(flags: ["--data", "x.jsonl"])
    #expect(throws: ComparisonError.needsValidation(job: "lora")) { try bare.checkComparison(of: ["lora"]) }
  }

  @Test func aSharedOptionCountsForTheMethodsThatHaveIt() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let jobs = try comparison(of: "lora,ia3", ["--rank", "2"], on: base, in: folder).jobs
    #expect(jobs[0].identity()["rank"] == "2")
    #expect(jobs[1].identity()["rank"] == nil)
    #expect(jobs[0].identity()["data"] == jobs[1].identity()["data"])
    #expect(jobs[0].options.seed == jobs[1].options.seed)
  }

  @Test func aDamagedFileIsRefusedByName() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    try FileManager.default.createDirectory(at: folder.file("out"), withIntermediateDirectories: true)
    _ = try folder.write("{\"rows\": 3", to: "out/comparison.json")
    let comparison = try comparison(of: "lora", on: base, in: folder)
    let file = comparison.folder.appending(path: "comparison.json").relativePath
    let found = await refusal(of: comparison)
    #expect(found == .damaged(file: file))
  }

  @Test func theMedianIsTheMiddleOne() {
    #expect(median([]) == nil)
    #expect(median([3, 1, 2]) == 2)
    #expect(median([4, 1, 2, 3]) == 2.5)
  }
}

@Suite struct PeakMemoryTests {
  /// The peak of a part of a process, where the system tells it.
  @Test @Compute func thePeakBeginsAnewWhenItIsReset() {
    func useMemory(_ megabytes: Int) {
      var block = [UInt8](repeating: 1, count: megabytes << 20)
      block[block.count / 2] = 2
      withExtendedLifetime(block) {}
    }
    useMemory(512)
    let high = peakResidentBytes()
    guard resetPeakResidentBytes() else { return }
    let low = peakResidentBytes()
    #expect(low < high - (400 << 20))
    useMemory(128)
    #expect(peakResidentBytes() >= low + (100 << 20))
  }
}
