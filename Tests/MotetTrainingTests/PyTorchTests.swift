import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import MotetTraining
import Testing

/// Losses, gradients and steps of AdamW against PyTorch and PEFT (Tests/Fixtures/tiny.py).
@Suite struct PyTorchTests {
  @Test @Compute func lossesGradientsAndStepsAreThoseOfPyTorch() async throws {
    let base = try await TinyModel.load()
    let start = try Adapter.load(TinyModel.adapter, for: base).weights
    let adapter = TrainableLoRA(start, on: base)
    let expected = try TinyModel.expected()
    let examples = expected.rows.map { Example(tokens: $0.tokens, labelled: $0.labelled, line: 1) }
    let count = examples.reduce(0) { $0 + $1.labelCount }
    var first = 0
    let labels = examples.flatMap { example in
      defer { first += example.tokens.count }
      return example.tokens.indices.filter { example.labelled[$0] }.map {
        BaseModel.Label(position: first + $0 - 1, token: example.tokens[$0], scale: 1 / Float(count))
      }
    }
    let optimizer = AdamW(adapter.parameters, options: AdamW.Options(weightDecay: 0.01))
    let paths = base.sites.map(\.path)
    #expect(adapter.parameters.count == 2 * paths.count && expected.losses.count == 3)
    for step in 1...3 {
      let rows = examples.map { BatchRow(tokens: $0.tokens, mix: adapter.mix) }
      let tape = Tape(recording: true)
      let losses = try base.losses(rows, labels: labels, on: tape)
      try tape.backward()
      let mean = losses.reduce(0) { $0 + Double($1) } / Double(count)
      #expect(abs(mean - expected.losses[step - 1]) < 1e-4)
      if step == 1 {
        for (index, path) in paths.enumerated() {
          for (factor, name) in ["lora_A", "lora_B"].enumerated() {
            let gradient = try #require(adapter.parameters[2 * index + factor].gradient).values
            let wanted = try TinyModel.tensor("grad.\(path).\(name)")
            let size = wanted.map(abs).max() ?? 0
            #expect(largestDifference(gradient, wanted) < 1e-4 * max(1, size), "\(path) \(name)")
            #expect(size > 1e-4)
          }
        }
      }
      optimizer.step(learningRate: 1e-3, gradientScale: 1)
      guard step != 2 else { continue }
      for (index, path) in paths.enumerated() {
        for (factor, name) in ["lora_A", "lora_B"].enumerated() {
          let values = adapter.parameters[2 * index + factor].values.values
          let wanted = try TinyModel.tensor("step\(step).\(path).\(name)")
          #expect(largestDifference(values, wanted) < 1e-4, "step \(step): \(path) \(name)")
        }
      }
    }
  }

  @Test @Compute func theNLLIsTheMeanOverTheLabelsOfAllRows() async throws {
    let base = try await TinyModel.load()
    let mix = Mix(try Adapter.load(TinyModel.adapter, for: base))
    let rows = try TinyModel.expected().rows
    let examples = rows.map { Example(tokens: $0.tokens, labelled: $0.labelled, line: 1) }
    let nll = try await base.nll(of: examples, mix: mix)
    for (own, row) in zip(nll.byRow, rows) { #expect(abs(own - row.nll) < 1e-4) }
    #expect(nll.count == 17)
    let first = try #require(try TinyModel.expected().losses.first)
    #expect(abs(nll.value - first) < 1e-4)
    // One row at a time, each under a mix of its own: the same numbers.
    let alone = try await base.nll(of: examples, mixes: [mix, .base, mix])
    #expect(abs(alone.byRow[0] - rows[0].nll) < 1e-4)
    #expect(abs(alone.byRow[1] - rows[1].nll) > 1e-3)
    #expect(abs(alone.byRow[2] - rows[2].nll) < 1e-4)
  }
}
