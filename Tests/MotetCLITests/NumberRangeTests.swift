import ArgumentParser
import Testing

@testable import MotetCLI

@Suite struct NumberRangeTests {
  /// Options that take a number, with what the command needs beside them.
  private static let options: [(command: any ParsableCommand.Type, rest: [String], names: [String])] = [
    (ChatCommand.self, [], ["max-tokens"]),
    (GenerateCommand.self, ["--prompt", "a"], ["max-tokens", "batch"]),
    (EvaluateCommand.self, ["--data", "a"], ["limit", "max-tokens"]),
    (RouterCommand.Train.self, ["--data", "a=b", "--output", "o"], ["limit"]),
    (RouterCommand.Evaluate.self, ["--data", "a=b", "--router", "r"], ["limit"]),
    (MergeCommand.self, ["--mix", "a", "--name", "n"], ["rank", "limit"]),
    (TruncateCommand.self, ["a", "--name", "n"], ["rank"]),
    (QuantizeCommand.self, ["--calibrate", "a", "--output", "o"], ["calibration-tokens"]),
    (
      RankSuggestCommand.self, ["--budget", "2M", "--data", "a"],
      ["batches", "batch", "probe", "max-rank", "max-length"]
    ),
    (TrainingBenchCommand.self, [], ["rows", "length", "steps", "rank", "tokens-per-pass"]),
    (DecodingBenchCommand.self, [], ["rows", "rank", "prompt", "steps", "length"]),
    (DemoCommand.self, [], ["rows", "held-out", "epochs", "lr"]),
    (TuneCommand.self, [], ["trials", "eta", "tokens"]),
    (CompareCommand.self, [], ["tokens"]),
    (KeysCommand.New.self, ["me"], ["rate"]),
    (
      ServeCommand.self, [],
      ["max-rows", "max-prompt", "max-answer", "request-seconds", "drain-seconds", "kv-memory"]
    ),
    (
      TrainCommand.self, ["--data", "a", "--name", "n"],
      [
        "rank", "alpha", "epochs", "batch", "accumulate", "lr", "max-length", "validation", "eval-every",
        "patience",
        "tokens-per-pass", "checkpoint-every",
      ]
    ),
  ]

  private func status(_ command: any ParsableCommand.Type, _ arguments: [String]) -> Int32? {
    do {
      _ = try command.parse(arguments)
      return nil
    } catch { return command.exitCode(for: error).rawValue }
  }

  @Test(arguments: ["0", "-1", "nan", "x"])
  func numbersOutOfRangeAreUsageErrors(value: String) {
    for (command, rest, names) in Self.options {
      for name in names {
        let found = status(command, rest + ["--\(name)=\(value)"])
        #expect(found == 64, "\(command) --\(name)=\(value)")
      }
    }
  }

  @Test func theLargestIntegerIsRefusedWhereThingsAreCounted() {
    for (command, rest, names) in Self.options where command != TrainCommand.self {
      for name in names where !["kv-memory"].contains(name) {
        #expect(status(command, rest + ["--\(name)=\(Int.max)"]) == 64, "\(command) --\(name)")
      }
    }
  }

  @Test(arguments: ["nan", "inf", "-inf", "-1"])
  func temperaturesThatAreNoNumbersAreRefused(value: String) {
    for command in [ChatCommand.self, GenerateCommand.self] as [any ParsableCommand.Type] {
      let rest = command == GenerateCommand.self ? ["--prompt", "a"] : []
      #expect(status(command, rest + ["--temperature=\(value)"]) == 64)
    }
    #expect(status(GenerateCommand.self, ["--prompt", "a", "--top-p=\(value)"]) == 64)
    #expect(status(GenerateCommand.self, ["--prompt", "a", "--top-p=0"]) == 64)
  }

  @Test func theErrorSaysTheRangeAndTheNumber() {
    do {
      _ = try EvaluateCommand.parse(["--data", "a", "--limit=-1"])
      Issue.record("it was taken")
    } catch {
      #expect(EvaluateCommand.message(for: error) == "--limit must be 1 or greater (got -1)")
    }
  }

  @Test func whatIsWithinIsTaken() {
    #expect(status(EvaluateCommand.self, ["--data", "a", "--limit", "1"]) == nil)
    #expect(status(GenerateCommand.self, ["--prompt", "a", "--top-p", "1", "--temperature", "0"]) == nil)
    #expect(status(ServeCommand.self, ["--queue", "0", "--port", "0"]) == nil)
  }

  @Test func mixesAndNamesThatComeTwiceAreUsageErrors() {
    #expect(status(EvaluateCommand.self, ["--data", "a", "--mix", "x", "x"]) == 64)
    #expect(status(EvaluateCommand.self, ["--data", "n=a", "n=b"]) == 64)
    #expect(status(RouterCommand.Train.self, ["--data", "a/t.jsonl", "b/t.jsonl", "--output", "o"]) == 64)
    #expect(status(RouterCommand.Train.self, ["--data", "n=a", "n=b", "m=c", "--output", "o"]) == nil)
    #expect(status(RouterCommand.Train.self, ["--data", "base=a", "m=c", "--output", "o"]) == 64)
  }
}
