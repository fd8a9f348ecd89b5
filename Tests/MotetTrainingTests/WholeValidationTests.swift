import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import Testing

@testable import MotetTraining

@Suite struct WholeValidationTests {
  private func rows(_ count: Int, _ seed: Int) -> String {
    (1...count).map {
      #"{"prompt": "what is \#(seed + $0)?", "response": "it is \#($0) and \#($0 + 1) and \#($0 + 2) and \#($0 + 3) and so on"}"#
        + "\n"
    }.joined()
  }

  @Test func validationRowsAreMeasuredAsEvaluateMeasuresThem() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let data = try folder.write(rows(8, 0), to: "data.jsonl")
    let eval = try folder.write(rows(4, 100), to: "eval.jsonl")
    var run = RunConfiguration()
    try run.apply(
      flags: [
        "--data", data, "--eval", eval, "--output", folder.file("out").path, "--rank", "2", "--batch", "4",
        "--max-length", "24",
      ])
    let outcome = try #require(try await run.run(on: base).train().first)
    let result = try #require(outcome.result)
    let whole = try Dataset(contentsOf: eval).examples(for: base)
    let before = try await base.nll(of: whole)
    let after = try await base.nll(of: whole, mix: Mix(result.adapter))
    #expect(result.evalBefore?.count == before.count)
    #expect(abs((result.evalBefore?.value ?? 0) - before.value) < 1e-6)
    #expect(abs((result.evalAfter?.value ?? 0) - after.value) < 1e-6)
    // Cut rows would give another number.
    let cut = try Dataset(contentsOf: eval).examples(for: base, maximumLength: 24)
    #expect(abs(try await base.nll(of: cut).value - before.value) > 1e-3)
  }

  @Test func rowsTakenOutOfTheDataAreWholeToo() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    var adapter = AdapterConfiguration()
    adapter.data = [WeightedFile(try folder.write(rows(10, 0), to: "data.jsonl"))]
    adapter.maxLength = 24
    adapter.validation = 0.3
    let (training, validation) = try adapter.readData(for: base) { _ in }
    let held = try #require(validation)
    #expect(training.count == 7 && held.count == 3)
    #expect((0..<7).allSatisfy { training.tokenCount(at: $0) == 24 })
    #expect(held.report.total.truncatedRows == 0)
    let whole = try Dataset(contentsOf: adapter.data[0].path).examples(for: base)
    for index in 0..<3 {
      #expect(try held.example(at: index) == whole[held.place(at: index).line - 1])
      #expect(held.labelCount(at: index) == (try held.example(at: index)).labelCount)
    }
  }

  @Test func validationRowsLongerThanTheContextAreCutToItAndCounted() throws {
    let folder = try DataFolder()
    let long = String(repeating: "word ", count: 400)
    let file = try folder.file(
      "long.jsonl", #"{"prompt": "a", "response": "\#(long)"}"# + "\n" + #"{"prompt": "b", "response": "c"}"#)
    let rows = try TrainingData(
      files: [WeightedFile(file)], encoder: DataFolder.encoder(context: 96), maximumLength: 24)
    let whole = try rows.uncut()
    #expect(rows.tokenCount(at: 0) == 24 && whole.tokenCount(at: 0) == 96)
    #expect(whole.report.total.truncatedRows == 1)
    #expect(try whole.example(at: 0).tokens.count == 96)
  }
}
