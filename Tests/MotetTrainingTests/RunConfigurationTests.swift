import Foundation
import MotetAdapters
import Testing

@testable import MotetTraining

@Suite struct RunConfigurationTests {
  private func read(_ yaml: String) throws -> RunConfiguration {
    try RunConfiguration(yaml: yaml, file: "run.yaml")
  }

  private func message(_ yaml: String) -> String {
    do {
      try read(yaml).check()
      return "nothing is wrong"
    } catch { return "\(error)" }
  }

  @Test func patternsAreReadFromFlagsAndFromYAML() throws {
    var flags = RunConfiguration()
    try flags.apply(flags: ["--data", "a.jsonl", "--rank-pattern", "q_proj=8", "layers.3.mlp.up_proj=2"])
    let file = try RunConfiguration(
      yaml: "{data: a.jsonl, rank-pattern: {q_proj: 8, layers.3.mlp.up_proj: 2}}", file: "run.yaml")
    #expect(flags.adapters[0].rankPattern == ["q_proj": 8, "layers.3.mlp.up_proj": 2])
    #expect(file.adapters[0].rankPattern == flags.adapters[0].rankPattern)
    let again = try RunConfiguration(yaml: try file.yaml(ofAdapter: 0), file: "again.yaml")
    #expect(again.adapters[0].rankPattern == file.adapters[0].rankPattern)
    #expect(throws: ConfigurationError.self) {
      try RunConfiguration(yaml: "{data: a.jsonl, rank-pattern: {q_proj: many}}", file: "run.yaml")
    }
  }

  @Test func anOptionOfAnotherMethodIsRefused() throws {
    var configuration = RunConfiguration()
    try configuration.apply(flags: ["--data", "a.jsonl", "--name", "a"])
    configuration.adapters[0].methodOptions = ["no-such-option": "1"]
    let error = #expect(throws: MethodError.self) { try configuration.check() }
    #expect(error?.description.contains("lora has no option --no-such-option") == true)
  }

  @Test func everyOptionOfTheCommandLineIsAKeyOfTheFile() throws {
    let configuration = try read(
      """
      base: tiny
      precision: f32
      tokens-per-pass: 256
      checkpoint-every: 7
      checkpoint-minutes: 0.5
      name: math
      output: out/math
      data: [a.jsonl, b.jsonl=0.5, {path: c.jsonl, weight: 2}]
      eval: held-out.jsonl
      max-length: 128
      drop-bad-rows: true
      groups: region
      method: lora
      rank: 8
      alpha: 12.5
      rank-pattern: {q_proj: 4}
      alpha-pattern: {q_proj: 8}
      targets: [q_proj, v_proj]
      layers: 0-2
      init: gaussian
      dropout: 0.1
      parent: domain
      orthogonal-to: [old]
      orthogonal-strength: 0.2
      teacher: math
      teacher-base: larger
      temperature: 3
      teacher-weight: 0.4
      epochs: 2.5
      batch: 4
      accumulate: 2
      optimizer: adamw-8bit
      optimizer-memory: 64MB
      lr: 1e-3
      schedule: linear
      warmup: 0.1
      weight-decay: 0
      clip: 0
      seed: 18446744073709551615
      shuffle: false
      columns: {prompt: ask, response: "the reply, in full"}
      eval-every: 10
      patience: 3
      keep: best
      spike-sigma: 0
      tensorboard: false
      """)
    try configuration.check()
    let adapter = configuration.adapters[0]
    #expect(adapter.data.map(\.path) == ["a.jsonl", "b.jsonl", "c.jsonl"])
    #expect(adapter.data.map(\.weight) == [1, 0.5, 2])
    #expect(adapter.columns.map(\.description) == ["prompt=ask,response=the reply, in full"])
    #expect(adapter.lora.targets == .modules(["q_proj", "v_proj"]))
    #expect(adapter.lora.layers == 0...2)
    let options = adapter.options(tokensPerPass: configuration.tokensPerPass)
    #expect(options.clip == nil && options.spikeSigma == nil && !options.shuffles)
    #expect(options.optimizer == .adamW8bit && !adapter.tensorboard)
    #expect(options.optimizerMemory == 64_000_000)
    #expect(options.seed == .max && options.keep == .best && options.learningRate == 1e-3)
    // All but the one that only a new adapter lacks.
    let all = Set(AdapterConfiguration.settings.map(\.key))
    #expect(
      all.subtracting(adapter.given).subtracting(AdapterMethods.options.map(\.key)) == [
        "validation", "continue",
      ])
  }

  @Test func columnsAreNamedByAFlagTooAndKeptInTheFile() throws {
    var flags = RunConfiguration()
    try flags.apply(flags: [
      "--name", "a", "--data", "a.jsonl", "--columns", "prompt=ask,response=reply", "system=who",
    ])
    try flags.check()
    let joined = try RowColumns(joining: flags.adapters[0].columns)
    #expect(joined.description == "prompt=ask,response=reply,system=who")
    let again = try RunConfiguration(yaml: flags.yaml(ofAdapter: 0), file: "run.yaml")
    #expect(again.adapters[0].columns == flags.adapters[0].columns)
    #expect(throws: ConfigurationError.self) { try flags.apply(flags: ["--columns", "promt=ask"]) }
    try flags.apply(flags: ["--columns", "prompt=a", "prompt=b"])
    #expect(throws: ColumnsError.twice(.prompt)) { try flags.check() }
  }

  @Test func flagsAndKeysSayTheSameAndFlagsGoFirst() throws {
    var flags = RunConfiguration()
    try flags.apply(
      flags: [
        "--data", "a.jsonl", "b.jsonl=0.5", "--rank=8", "--lr", "0.01", "--no-shuffle", "--name", "math",
        "--drop-bad-rows", "--precision", "bf16",
      ])
    var file = try read(
      "{data: [a.jsonl, b.jsonl=0.5], rank: 8, lr: 0.01, shuffle: false, name: math, drop-bad-rows: true, precision: bf16}"
    )
    #expect(flags == file)
    try file.apply(flags: ["--rank", "2", "--data", "c.jsonl"])
    #expect(file.adapters[0].rank == 2)
    #expect(file.adapters[0].data.map(\.path) == ["c.jsonl"])
  }

  @Test func whatStandsAboveCountsForEveryAdapter() throws {
    var configuration = try read(
      """
      lr: 1e-3
      rank: 4
      output: out
      adapters:
        - {name: math, data: math.jsonl, rank: 8}
        - name: code
          data: code.jsonl
          seed: 3
          output: elsewhere/code
      """)
    try configuration.check()
    #expect(configuration.adapters.map(\.rank) == [8, 4])
    #expect(configuration.adapters.map(\.lr) == [1e-3, 1e-3])
    #expect(configuration.adapters.map(\.seed) == [0, 3])
    #expect(configuration.adapters.map(\.output) == [nil, "elsewhere/code"])
    try configuration.apply(flags: ["--epochs", "2"])
    #expect(configuration.adapters.map(\.epochs) == [2, 2])
    #expect(throws: ConfigurationError.ofOneAdapter(key: "data")) {
      try configuration.apply(flags: ["--data", "x.jsonl"])
    }
  }

  @Test func theEffectiveConfigurationTrainsTheSameAdapterAgain() throws {
    let configuration = try read(
      """
      base: tiny
      adapters:
        - {name: math, data: [math.jsonl, more.jsonl=0.5], rank: 8, shuffle: false, validation: 0.1}
        - {name: "null", data: "a b: c.jsonl", targets: "q_proj,v_proj", layers: 1-1}
      """)
    for index in 0..<2 {
      let again = try read(configuration.yaml(ofAdapter: index))
      var (old, new) = (configuration.adapters[index], again.adapters[0])
      #expect(new.given.isSuperset(of: old.given))
      (old.given, new.given) = ([], [])
      #expect(old == new)
      #expect(again.base == "tiny")
      try again.check()
      let twice = try read(again.yaml(ofAdapter: 0))
      #expect(twice == again)
    }
  }

  @Test(arguments: [
    ("name: a\nlearnrate: 3", "run.yaml, line 2: no option is called learnrate"),
    ("ranks: 3", "run.yaml, line 1: no option is called ranks; did you mean rank?"),
    (
      "adapters:\n  - name: a\n    epoch: 2",
      "run.yaml, line 3: no option is called epoch; did you mean epochs?"
    ),
    ("rank: sixteen", "run.yaml, line 1: rank cannot be \"sixteen\": give a whole number"),
    ("name: a\n\nrank: [1]", "run.yaml, line 3: rank cannot be a list: give a whole number"),
    ("rank: 1.5", "run.yaml, line 1: rank cannot be \"1.5\": give a whole number"),
    ("rank:", "run.yaml, line 1: rank cannot be nothing: give a whole number"),
    ("seed: -1", "run.yaml, line 1: seed cannot be \"-1\": give a whole number that is not negative"),
    ("shuffle: 3", "run.yaml, line 1: shuffle cannot be \"3\": give true or false"),
    ("keep: first", "run.yaml, line 1: keep cannot be \"first\": give last or best"),
    ("data: {file: x}", "run.yaml, line 1: data cannot be a list of keys and values: give a path"),
    ("layers: 4-2", "run.yaml, line 1: layers cannot be \"4-2\": give a range such as 0-29"),
    ("adapters:\n  - base: x", "run.yaml, line 2: base counts for the whole run"),
    ("adapters: 3", "run.yaml, line 1: adapters is no list of adapters"),
    ("a: [1", "run.yaml, line "), ("name: a\nname: b", "run.yaml, line "),
    ("", "run.yaml, line 1: it is empty"),
    ("- a", "run.yaml, line 1: it is no list of keys and values"),
    ("data: a.jsonl", "say where the adapter goes"), ("name: a", "a has no data"),
    ("{name: a, data: x, eval: y, validation: 0.1}", "a: --eval names validation rows and --validation"),
    ("{name: a, data: x, groups: y}", "a: --groups needs validation rows"),
    ("{name: a, data: x, continue: b, rank: 3}", "a: --rank cannot change with --continue"),
    ("{output: out/a, data: x, continue: ./out/a/}", "a: --continue leaves ./out/a/ as it is"),
  ])
  func whatIsWrongIsNamedWithItsLine(yaml: String, problem: String) {
    #expect(message(yaml).hasPrefix(problem), "\(message(yaml))")
    #expect(!message(yaml).contains("\n"))
  }

  @Test(arguments: [
    (["--lerning", "3"], "no option is called --lerning"),
    (["--epoch", "3"], "no option is called --epoch; did you mean --epochs?"),
    (["--rank", "x"], "--rank cannot be \"x\": give a whole number"),
    (["--rank"], "--rank cannot be empty: give a value"),
    (["--rank", "--seed", "3"], "--rank cannot be empty: give a value"),
    (["--data", "--seed", "3"], "--data cannot be a list: give a path"),
    (["--no-rank"], "no option is called --no-rank"), (["stray"], "the command line"),
  ])
  func flagsThatAreNotUnderstoodAreNamed(flags: [String], problem: String) {
    var configuration = RunConfiguration()
    let error = #expect(throws: ConfigurationError.self) { try configuration.apply(flags: flags) }
    #expect(error.map { "\($0)".hasPrefix(problem) } == true, "\(error.map { "\($0)" } ?? "")")
  }

  @Test func theHelpNamesEveryOption() {
    for key in RunConfiguration.settings.map(\.key) + AdapterConfiguration.settings.map(\.key) {
      #expect(RunConfiguration.flagsHelp.contains("\(key)"))
    }
    #expect(RunConfiguration.flagsHelp.contains("--optimizer adamw|adamw-8bit"))
    #expect(RunConfiguration.flagsHelp.contains("--[no-]tensorboard"))
  }
}
