import Foundation
import MotetModels
import MotetReport
import MotetTraining
import Testing

@Suite struct RunReportTests {
  private func run(_ name: String, steps: Int = 40) -> RunReport.AdapterRun {
    var run = RunReport.AdapterRun(
      name: name, method: "LoRA, rank 16, alpha 32", trainableParameters: 4_884_480, rows: 320,
      tokens: 50_000)
    run.loss = (1...steps).map { ($0, 2 - Double($0) / 50) }
    run.validation = [(0, 1.9), (steps, 1.25)]
    run.learningRate = (1...steps).map { ($0, 2e-4) }
    run.gradientNorm = (1...steps).map { ($0, 0.5) }
    run.settings = [("rank", "16"), ("schedule", "cosine")]
    return run
  }

  private func report(_ adapters: [RunReport.AdapterRun]) -> RunReport {
    RunReport(
      title: "Training <math>", base: "tiny in bf16", baseParameters: 134_515_008, adapters: adapters,
      seconds: 83.4, peakBytes: 910_000_000)
  }

  @Test func onePageShowsARunsFiguresCurvesAndSettings() {
    var page = report([run("math")])
    page.sections = [.init(heading: "Data", blocks: [.prose("320 rows")])]
    page.command = "motet train --rank 16"
    let html = page.page().html()
    for text in [
      "Training &lt;math&gt;", "4\u{2009}884\u{2009}480", "3.63%", "1 min 23 s", "600", "910 MB",
      "1.250", "1.900 before",
      "Loss: math", "validation", "Learning rate", "Gradient norm", "schedule", "cosine", "320 rows",
      "motet train --rank 16",
    ] {
      #expect(html.contains(text), "no \(text)")
    }
    #expect(html.matches(of: /<svg/).count == 3)
    // Nothing is fetched.
    #expect(!html.contains("src=") && !html.contains("href=\"http"))
  }

  @Test func severalAdaptersShareAPictureAndHaveASectionEach() {
    var stopped = run("code", steps: 12)
    stopped.ending = "its loss was not a number."
    stopped.loss[11].value = .nan
    stopped.settings = [("rank", "8")]
    stopped.blocks = [.table(header: ["group", "NLL"], rows: [["short rows", "1.10"]])]
    let html = report([run("math"), stopped]).page().html()
    for text in [
      "Smoothed training loss", "Validation NLL", "Loss: math", "Loss: code", "short rows",
      "code ended after step 12: its loss was not a number.", "100\u{2009}000",
    ] {
      #expect(html.contains(text), "no \(text)")
    }
    #expect(html.matches(of: /<svg/).count == 8)
    // The setting that only one of them has leaves the other's cell empty.
    #expect(html.contains("<td>schedule</td><td>cosine</td><td class=\"n\"></td>"))
  }

  @Test func aRunOfNoStepsStillHasItsPage() {
    var empty = RunReport.AdapterRun(name: "none", method: "LoRA", trainableParameters: 0, rows: 0, tokens: 0)
    empty.ending = "it was asked to stop."
    let html = RunReport(title: "t", base: "b", baseParameters: 0, adapters: [empty], seconds: 0).page()
      .html()
    #expect(html.contains("no data"))
    #expect(!html.lowercased().contains("nan<"))
  }

  @Test func aTrainingsResultFillsThePage() async throws {
    let base = try await TinyModel.load()
    let trainer = Trainer(base, options: TrainingOptions(batchRows: 4))
    let result = try await trainer.train(on: TinyModel.data(12), name: "tiny", evaluation: TinyModel.data(12))
    let report = RunReport(result, base: base)
    let run = try #require(report.adapters.first)
    #expect(run.steps == 3 && run.loss.count == 3 && run.validation.map(\.step) == [0, 3])
    #expect(run.rows == 12 && run.tokens == result.tokens)
    #expect(run.trainableParameters == result.adapter.weights.parameterCount)
    #expect(run.settings.contains { $0.name == "precision" && $0.value == "f32" })
    #expect(report.page().html().contains("Training tiny"))
  }
}
