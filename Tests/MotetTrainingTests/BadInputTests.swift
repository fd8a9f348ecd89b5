import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import Testing

@testable import MotetTraining

/// What is refused before any training starts, and leaves nothing behind.
@Suite struct BadInputTests {
  private static let rows = """
    {"prompt": "what is 1?", "response": "the answer is 2"}
    {"prompt": "what is 2?", "response": "the answer is 3"}

    """

  /// The complaint of a run of `yaml`; `DATA` in it stands for a file with `rows`.
  private func complaint(
    _ yaml: String, rows: String = rows, prepare: (TrainingFolder) throws -> Void = { _ in }
  )
    async throws -> String
  {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let data = try folder.write(rows, to: "data.jsonl")
    try prepare(folder)
    let before = try FileManager.default.subpathsOfDirectory(atPath: folder.url.path).sorted()
    let text = yaml.replacing("DATA", with: data).replacing("OUT", with: folder.file("out").path)
    do {
      let run = try RunConfiguration(yaml: text, file: "run.yaml").run(
        on: base, library: AdapterLibrary(root: folder.file("adapters")), home: folder.url)
      _ = try await run.train { _ in Issue.record("training began") }
      return "nothing is wrong"
    } catch {
      #expect(try FileManager.default.subpathsOfDirectory(atPath: folder.url.path).sorted() == before)
      return "\(error)".replacing(data, with: "DATA").replacing(folder.url.path, with: "FOLDER")
    }
  }

  @Test(arguments: [
    ("", "DATA has no rows"), ("\n\n", "DATA has no rows"),
    (#"{"prompt": "a"}"#, #"DATA, row 1: "response" is missing"#),
    (rows + #"{"prompt": "a", "response": ""}"#, "DATA, row 3: the response is empty"),
    (rows + "not json", "DATA, row 3: it is not a JSON object"),
  ])
  func rowsThatCannotBeUsed(rows: String, problem: String) async throws {
    #expect(try await complaint("{name: a, data: DATA}", rows: rows).hasPrefix(problem))
  }

  @Test func aRowLongerThanTheContext() async throws {
    let long = #"{"prompt": "a", "response": "\#(String(repeating: "word ", count: 300))"}"#
    let found = try await complaint("{name: a, data: DATA}", rows: Self.rows + long)
    #expect(found.hasPrefix("DATA, row 3: ") && found.contains("the model's context is 128"))
  }

  @Test func aResponseThatIsCutAwayEntirely() async throws {
    let found = try await complaint("{name: a, data: DATA, max-length: 4}")
    #expect(found.hasPrefix("DATA, row 1: no token of a response is left to learn from"))
  }

  @Test(arguments: [
    ("adapters: [{name: a, data: DATA}, {name: a, data: DATA}]", "two adapters are called a"),
    (
      "adapters: [{name: a, data: DATA, output: OUT}, {name: b, data: DATA, output: OUT}]",
      "a and b would both be written to FOLDER/out"
    ),
    ("{name: a/b, data: DATA}", "'a/b' is no name for an adapter"),
    (
      "{name: a, data: DATA, targets: 'q_proj,query'}",
      "no module \"query\" to adapt: choose all-linear or among "
    ),
    ("{name: a, data: DATA, rank: 1000}", "rank 1000 does not fit layers.0."),
    ("{name: a, data: DATA, rank: 0}", "run.yaml, line 1: rank must be from 1 to 1073741824 (got 0)"),
    ("{name: a, data: DATA, layers: 0-9}", "layers 0-9 are not all in the model"),
    ("{name: a, data: DATA, alpha: 0}", "run.yaml, line 1: alpha must be greater than 0 (got 0)"),
    ("{name: a, data: DATA, dropout: 1}", "run.yaml, line 1: dropout must be 0 or greater and less than 1"),
    ("{name: a, data: DATA, lr: 0}", "run.yaml, line 1: lr must be greater than 0 (got 0)"),
    ("{name: a, data: DATA, lr: -1}", "run.yaml, line 1: lr must be greater than 0 (got -1)"),
    ("{name: a, data: DATA, lr: nan}", "run.yaml, line 1: lr must be greater than 0 (got nan)"),
    (
      "{name: a, data: DATA, weight-decay: -1}",
      "run.yaml, line 1: weight-decay must be 0 or greater (got -1)"
    ),
    ("{name: a, data: DATA, warmup: 2}", "run.yaml, line 1: warmup must be from 0 to 1 (got 2)"),
    ("{name: a, data: DATA, epochs: 0}", "run.yaml, line 1: epochs must be greater than 0 and"),
    ("{name: a, data: DATA, batch: 0}", "run.yaml, line 1: batch must be from 1 to"),
    ("{name: a, data: DATA, accumulate: 0}", "run.yaml, line 1: accumulate must be from 1 to"),
    (
      "{name: a, data: DATA, spike-sigma: 1}",
      "run.yaml, line 1: spike-sigma must be 0, or 3.0 or greater (got 1)"
    ),
    ("{name: a, data: DATA, tokens-per-pass: 0}", "run.yaml, line 1: tokens-per-pass must be from 1 to"),
    ("{name: a, data: DATA, checkpoint-every: 0}", "run.yaml, line 1: checkpoint-every must be from 1 to"),
    (
      "{name: a, data: DATA, checkpoint-minutes: -1}",
      "run.yaml, line 1: checkpoint-minutes must be 0 or greater (got -1)"
    ),
    ("{name: a, data: DATA, patience: 2}", "a: --patience needs validation rows"),
    ("{name: a, data: DATA, keep: best}", "a: --keep best needs validation rows"),
    ("{name: a, data: DATA, eval-every: 2}", "a: --eval-every needs validation rows"),
    (
      "{name: a, data: DATA, validation: 1.5}",
      "run.yaml, line 1: validation must be greater than 0 and less than 1"
    ),
    (
      "{name: a, data: DATA=0}",
      "run.yaml, line 1: data must be files with weights greater than 0 and at most 1000.0"
    ),
    ("{name: a, data: DATA, continue: nobody}", "no adapter 'nobody'"),
    ("{name: a, data: nowhere.jsonl}", "cannot read nowhere.jsonl"),
  ])
  func optionsThatCannotBe(yaml: String, problem: String) async throws {
    let found = try await complaint(yaml)
    #expect(found.hasPrefix(problem), "\(found)")
  }

  @Test func anOutputThatHoldsAnotherAdapter() async throws {
    let found = try await complaint("{output: OUT, data: DATA}") { folder in
      try FileManager.default.createDirectory(at: folder.file("out"), withIntermediateDirectories: true)
      _ = try folder.write("{}", to: "out/adapter_config.json")
    }
    #expect(found.hasPrefix("FOLDER/out already holds an adapter"))
  }

  @Test func anAdapterIsContinuedAndStaysAsItIs() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let data = try folder.write(Self.rows, to: "data.jsonl")
    let library = AdapterLibrary(root: folder.file("adapters"))
    func train(_ yaml: String) async throws -> JobOutcome {
      let run = try RunConfiguration(yaml: yaml.replacing("DATA", with: data), file: "run.yaml")
        .run(on: base, library: library, home: folder.url)
      return try #require(try await run.train().first)
    }
    let first = try await train("{name: math, data: DATA, rank: 3, lr: 1e-2, epochs: 4, eval: DATA}")
    #expect(first.place == "math@1")
    let old = try Data(
      contentsOf: library.resolve("math@1").folder.appending(path: "adapter_model.safetensors"))
    let second = try await train("{name: math, data: DATA, continue: math, lr: 1e-2, epochs: 4, eval: DATA}")
    #expect(second.place == "math@2")
    let (a, b) = (try #require(first.result), try #require(second.result))
    #expect(b.adapter.weights.rank == 3)
    #expect(abs(try #require(a.evalAfter).value - (try #require(b.evalBefore)).value) < 1e-6)
    #expect(try #require(b.evalAfter).value < #require(a.evalAfter).value)
    #expect(b.adapter.record?.parents.map(\.name) == ["math@1"])
    let now = try Data(
      contentsOf: library.resolve("math@1").folder.appending(path: "adapter_model.safetensors"))
    #expect(old == now)
    // The configuration beside it can be used again, and nothing is left of the run.
    let written = library.root.appending(path: "math/2/run.yaml").path
    try RunConfiguration(contentsOf: written).check()
    #expect(!folder.exists("runs/math"))
  }

  @Test func anEstimateTrainsAndWritesNothing() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let data = try folder.write(Self.rows, to: "data.jsonl")
    let run = try RunConfiguration(
      yaml: "{name: math, data: \(data), rank: 2, epochs: 3, batch: 1, validation: 0.5}", file: "run.yaml"
    ).run(on: base, library: AdapterLibrary(root: folder.file("adapters")), home: folder.url)
    let before = await base.fingerprint()
    let estimate = try await run.estimate()
    #expect(await base.fingerprint() == before)
    #expect(estimate.jobs.map(\.steps) == [3])
    let weights = try LoRA(rank: 2).initialWeights(for: base, seed: 0)
    #expect(estimate.jobs[0].parameters == weights.parameterCount)
    let tokens = try run.jobs[0].data.example(at: 0).tokens.count
    #expect(estimate.jobs[0].tokens == 3 * tokens)
    #expect(estimate.tokensPerSecond > 1 && estimate.seconds > 0 && estimate.peakBytes > 1 << 20)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["data.jsonl"])
  }
}
