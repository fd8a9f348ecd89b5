import MotetAdapters
import Testing

@testable import MotetTraining

@Suite struct RepeatedFlagTests {
  private func configuration(_ flags: String...) throws -> RunConfiguration {
    var configuration = RunConfiguration()
    try configuration.apply(flags: flags)
    return configuration
  }

  private func problem(_ flags: String...) -> String {
    var configuration = RunConfiguration()
    do { try configuration.apply(flags: flags) } catch { return "\(error)" }
    return "nothing is wrong"
  }

  @Test func listsAddUp() throws {
    let adapter = try configuration(
      "--data", "a.jsonl", "b.jsonl=0.5", "--eval", "x.jsonl", "--data=c.jsonl", "--rank-pattern", "q_proj=8",
      "--data", "d.jsonl", "--eval=y.jsonl", "--rank-pattern", "v_proj=4", "--orthogonal-to", "m",
      "--orthogonal-to", "n", "--targets", "q_proj", "--targets=v_proj"
    ).adapters[0]
    #expect(adapter.data.map(\.path) == ["a.jsonl", "b.jsonl", "c.jsonl", "d.jsonl"])
    #expect(adapter.data.map(\.weight) == [1, 0.5, 1, 1])
    #expect(adapter.eval == ["x.jsonl", "y.jsonl"])
    #expect(adapter.rankPattern == ["q_proj": 8, "v_proj": 4])
    #expect(adapter.orthogonalTo == ["m", "n"])
    #expect(adapter.targets == .modules(["q_proj", "v_proj"]))
  }

  @Test func theFirstReplacesWhatTheFileSays() throws {
    var run = try RunConfiguration(yaml: "{data: [f.jsonl, g.jsonl], eval: e.jsonl}", file: "run.yaml")
    try run.apply(flags: ["--data", "a.jsonl", "--data", "b.jsonl"])
    #expect(run.adapters[0].data.map(\.path) == ["a.jsonl", "b.jsonl"])
    #expect(run.adapters[0].eval == ["e.jsonl"])
  }

  @Test func oneValueGivenTwiceIsRefusedUnlessItIsTheSame() throws {
    #expect(problem("--rank", "8", "--rank=16") == "--rank is given twice, as 8 and as 16: keep one of them")
    #expect(
      problem("--shuffle", "--no-shuffle")
        == "--shuffle is given twice, as true and as false: keep one of them")
    #expect(problem("--precision", "f32", "--precision", "bf16").hasPrefix("--precision is given twice"))
    #expect(try configuration("--rank", "8", "--rank", "8").adapters[0].rank == 8)
  }

  @Test func oneNameWithTwoRanksIsRefused() {
    #expect(problem("--rank-pattern", "q_proj=8", "--rank-pattern", "q_proj=4").contains("each name once"))
  }

  @Test(arguments: [
    ("--rank=0", "--rank must be from 1 to 1073741824 (got 0)"),
    ("--rank=-3", "--rank must be from 1 to 1073741824 (got -3)"),
    ("--batch=9223372036854775807", "--batch must be from 1 to 1073741824 (got 9223372036854775807)"),
    ("--lr=0", "--lr must be greater than 0 (got 0)"), ("--lr=nan", "--lr must be greater than 0 (got nan)"),
    ("--lr=inf", "--lr must be greater than 0 (got inf)"),
    ("--alpha=-1", "--alpha must be greater than 0 (got -1)"),
    ("--dropout=1", "--dropout must be 0 or greater and less than 1 (got 1)"),
    ("--warmup=1.5", "--warmup must be from 0 to 1 (got 1.5)"),
    ("--weight-decay=nan", "--weight-decay must be 0 or greater (got nan)"),
    ("--clip=-1", "--clip must be 0 or greater (got -1)"),
    ("--epochs=0", "--epochs must be greater than 0 and less than 1000000000.0 (got 0)"),
    ("--validation=1", "--validation must be greater than 0 and less than 1 (got 1)"),
    ("--spike-sigma=1", "--spike-sigma must be 0, or 3.0 or greater (got 1)"),
    ("--max-length=1", "--max-length must be from 2 to 1073741824 (got 1)"),
    ("--temperature=0", "--temperature must be greater than 0 (got 0)"),
    ("--teacher-weight=0", "--teacher-weight must be greater than 0 and at most 1 (got 0)"),
    ("--rank-pattern=q_proj=0", "--rank-pattern must be from 1 to 1073741824 for every name (got q_proj=0)"),
    ("--alpha-pattern=q_proj=inf", "--alpha-pattern must be greater than 0 for every name (got q_proj=inf)"),
    (
      "--data=a.jsonl=0",
      "--data must be files with weights greater than 0 and at most 1000.0 (got a.jsonl=0)"
    ),
    ("--checkpoint-minutes=-1", "--checkpoint-minutes must be 0 or greater (got -1)"),
    ("--checkpoint-every=0", "--checkpoint-every must be from 1 to 1073741824 (got 0)"),
  ])
  func numbersOutOfRangeAreRefusedWithTheRange(flag: String, expected: String) {
    #expect(problem(flag) == expected)
  }

  @Test func theFileHasTheSameRanges() {
    #expect(throws: ConfigurationError.self) { try RunConfiguration(yaml: "rank: 0", file: "run.yaml") }
    do { _ = try RunConfiguration(yaml: "name: a\nlr: .nan", file: "run.yaml") } catch {
      #expect("\(error)".hasPrefix("run.yaml, line 2: lr "))
    }
  }
}
