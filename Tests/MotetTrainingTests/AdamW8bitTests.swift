import CKernels
import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import MotetTraining
import Testing

/// Tests/Fixtures/adamw8, made by Tests/Fixtures/adamw8.py with bitsandbytes' maps.
@Suite struct AdamW8bitTests {
  private struct Fixture: Decodable {
    let signed: [Float]
    let unsigned: [Float]
    let start: [Float]
    let gradients: [[Float]]
    let end: [Float]
    let mean: [UInt8]
    let square: [UInt8]

    static func load() throws -> Fixture {
      let url = TinyModel.folder.appending(path: "../adamw8/adamw8.json")
      return try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: url))
    }
  }

  private func map(signed: Bool) -> [Float] {
    var values = [Float](repeating: 0, count: 256)
    mk_dynamic_map(&values, signed)
    return values
  }

  @Test func theMapsAreThePublishedOnes() throws {
    let fixture = try Fixture.load()
    for (values, published) in [
      (map(signed: true), fixture.signed), (map(signed: false), fixture.unsigned),
    ] {
      #expect(published.count == 256)
      // bitsandbytes computes in f32; its last bit may differ.
      for (value, expected) in zip(values, published) {
        #expect(abs(value - expected) <= 2e-7 * abs(expected))
      }
    }
  }

  @Test(arguments: [true, false]) func aValueGetsTheNearestOfTheMap(signed: Bool) {
    let values = map(signed: signed)
    var generator = SeededGenerator(seed: 5)
    var x = (0..<4000).map { _ in
      Float(pow(10, -8 * generator.uniform())) * (signed && generator.uniform() < 0.5 ? -1 : 1)
    }
    for block in stride(from: 0, to: x.count, by: 256) { x[block] = 1 }
    var codes = [UInt8](repeating: 0, count: x.count)
    var scales = [Float](repeating: 0, count: 16)
    mk_quantize_moments(x, &codes, &scales, Int64(x.count), signed)
    #expect(scales.allSatisfy { $0 == 1 })
    for (x, code) in zip(x, codes) {
      let nearest = values.map { abs($0 - x) }.min() ?? 0
      let error = abs(values[Int(code)] - x)
      let isKeptFromZero = !signed && code == 1 && x < values[1]
      #expect(error <= nearest * 1.001 + 2e-7 * abs(x) || isKeptFromZero, "\(x) became \(values[Int(code)])")
    }
  }

  @Test func zerosAndTheSmallestNumbersStayHarmless() {
    for value: Float in [0, 1e-40] {
      var codes = [UInt8](repeating: 9, count: 300)
      var scales = [Float](repeating: 9, count: 2)
      mk_quantize_moments([Float](repeating: value, count: 300), &codes, &scales, 300, true)
      #expect(scales == [0, 0])
    }
    // What is above 0 is never rounded to 0: a step divides by its root.
    var codes = [UInt8](repeating: 0, count: 3)
    var scales: [Float] = [0]
    mk_quantize_moments([1, 1e-12, 0], &codes, &scales, 3, false)
    #expect(codes == [255, 1, 0])
  }

  @Test @Compute func stepsAreThoseOfThePaperInPlainArithmetic() throws {
    let fixture = try Fixture.load()
    let parameter = Parameter(rows: 6, columns: 100, fixture.start, trainable: true)
    let optimizer = AdamW8bit([parameter])
    for gradient in fixture.gradients {
      parameter.gradient?.copy(from: Tensor(rows: 6, columns: 100, gradient))
      optimizer.step(learningRate: 1e-2, gradientScale: 1)
      #expect(parameter.gradient?.values.allSatisfy { $0 == 0 } == true)
    }
    // A value midway between two of the map may fall to either side in f32, and moves its parameter otherwise.
    let far = zip(parameter.values.values, fixture.end).filter { abs($0 - $1) > 1e-5 }.count
    #expect(far <= 3, "\(far) of 600 differ")
    let state = optimizer.state
    for (name, expected) in [("mean8.0", fixture.mean), ("square8.0", fixture.square)] {
      let codes = try #require(state.blobs[name])
      let other = zip(codes, expected).filter { $0 != $1 }.count
      #expect(codes.count == 600 && other <= 3, "\(other) codes of \(name) differ")
    }
  }

  @Test @Compute func theStateTakesAQuarter() {
    let parameters = [(16, 576), (192, 16), (1536, 16), (16, 1536), (3, 5)].map {
      Parameter(rows: $0, columns: $1, [Float](repeating: 0, count: $0 * $1), trainable: true)
    }
    let count = parameters.reduce(0) { $0 + $1.count }
    let bytes = AdamW8bit(parameters).stateBytes
    #expect(Double(bytes) / Double(8 * count) < 0.255)
    #expect(abs(Double(bytes) / Double(count) - OptimizerKind.adamW8bit.bytesPerValue) < 0.001)
    let saved = AdamW8bit(parameters).state.blobs.values.reduce(0) { $0 + $1.count }
    #expect(saved == bytes)
  }

  @Test @Compute func aRestoredOptimizerGoesOnBitForBit() throws {
    func parameter() -> Parameter {
      Parameter(rows: 10, columns: 70, (0..<700).map { sin(Float($0)) }, trainable: true)
    }
    func move(_ optimizer: AdamW8bit, _ steps: Range<Int>) {
      for step in steps {
        let gradient = (0..<700).map { cos(Float($0 * (step + 2))) * 0.1 }
        optimizer.parameters[0].gradient?.copy(from: Tensor(rows: 10, columns: 70, gradient))
        optimizer.step(learningRate: 1e-2, gradientScale: 0.5)
      }
    }
    let whole = AdamW8bit([parameter()])
    move(whole, 0..<6)
    let first = AdamW8bit([parameter()])
    move(first, 0..<3)
    let second = AdamW8bit([parameter()])
    second.parameters[0].values.copy(from: first.parameters[0].values)
    try second.restore(first.state)
    move(second, 3..<6)
    #expect(second.parameters[0].values.values == whole.parameters[0].values.values)
    #expect(second.state == whole.state)
    #expect(throws: OptimizerStateError.self) {
      try second.restore(AdamW([parameter()], options: AdamW.Options()).state)
    }
    #expect(second.state == whole.state)
  }

  @Test @Compute func trainingEndsWhereThatOf32BitsEnds() async throws {
    let base = try await TinyModel.load()
    let examples = try TinyModel.data(16).examples(for: base)
    var ends: [Double] = []
    for kind in OptimizerKind.allCases {
      let adapter = TrainableLoRA(try LoRA(rank: 4).initialWeights(for: base, seed: 1), on: base)
      let optimizer = try kind.make(adapter.parameters, weightDecay: 0.01)
      for _ in 0..<10 {
        for start in stride(from: 0, to: examples.count, by: 4) {
          let part = examples[start..<start + 4]
          let rows = part.map { BatchRow(tokens: $0.tokens, mix: adapter.mix) }
          let labels = labels(of: part)
          let tape = Tape(recording: true)
          _ = try base.losses(rows, labels: labels, on: tape)
          try tape.backward()
          optimizer.step(learningRate: 5e-3, gradientScale: 1)
        }
      }
      let trained = Adapter(name: kind.rawValue, weights: try adapter.weights())
      ends.append(try await base.nll(of: examples, mix: Mix(trained)).value)
    }
    let before = try await base.nll(of: examples).value
    print("NLL \(before) before; after: \(zip(OptimizerKind.allCases, ends).map { "\($0.rawValue) \($1)" })")
    #expect(ends[0] < before - 0.5)
    #expect(abs(ends[1] - ends[0]) < 0.01 * before)
  }

  /// The labels of examples that stand end to end, each row's loss counted by the mean over all.
  private func labels(of examples: ArraySlice<Example>) -> [BaseModel.Label] {
    let scale = 1 / Float(examples.reduce(0) { $0 + $1.labelCount })
    var first = 0
    var labels: [BaseModel.Label] = []
    for example in examples {
      for target in 1..<example.tokens.count where example.labelled[target] {
        labels.append(
          BaseModel.Label(position: first + target - 1, token: example.tokens[target], scale: scale))
      }
      first += example.tokens.count
    }
    return labels
  }
}
