import Testing

@testable import MotetTensor

/// Operators that run again on the way back leave the same gradients, and keep less.
@Suite struct CheckpointingTests {
  @Compute func run(checkpointed: Bool, storage: ActivationStorage) throws -> [[UInt32]] {
    let a = Parameter(rows: 4, columns: 32, floats(4 * 32, seed: 1), trainable: true)
    let b = Parameter(rows: 64, columns: 4, floats(64 * 4, seed: 2), trainable: true)
    let matrix = try FrozenMatrix(
      floats(64 * 32, seed: 3), outputs: 64, inputs: 32, precision: storage == .f32 ? .f32 : .bf16)
    let weight = FrozenVector(floats(32, seed: 4))
    let tape = Tape(recording: true, storage: storage)
    let x = tensor(21, 32, floats(21 * 32, seed: 5))
    func body(_ x: Tensor, _ tape: Tape) throws -> Tensor {
      let normed = tape.rmsNorm(x, weight: weight, epsilon: 1e-5)
      let term = LowRankTerm(rows: 0..<21, columns: 0..<64, loraA: a, loraB: b, scale: 0.7)
      return tape.swiglu(try tape.adaptedLinear(normed, matrix, terms: [term]))
    }
    let y = checkpointed ? try tape.checkpointed(x, body) : try body(x, tape)
    #expect(tape.recordedSteps == (checkpointed ? 1 : 3))
    try goBack(tape, from: y, floats(y.count, seed: 6))
    return [y, a.gradient, b.gradient, x.gradientValue].map { $0?.values.map(\.bitPattern) ?? [] }
  }

  @Test(arguments: [ActivationStorage.f32, .bf16])
  @Compute func theSameBitsComeBack(storage: ActivationStorage) throws {
    guard storage == .f32 || precisions.contains(.bf16) else { return }
    let whole = try run(checkpointed: false, storage: storage)
    let again = try run(checkpointed: true, storage: storage)
    let isSame = whole == again
    #expect(isSame)
    #expect(whole.allSatisfy { values in values.contains { $0 != 0 } })
  }

  @Test @Compute func aTapeThatDoesNotRecordRunsThemOnce() throws {
    let tape = Tape(recording: false)
    var runs = 0
    let x = tensor(2, 4, floats(8, seed: 7))
    let y = try tape.checkpointed(x) { x, tape in
      runs += 1
      return tape.rmsNorm(x, weight: FrozenVector([1, 1, 1, 1]), epsilon: 1e-5)
    }
    #expect(runs == 1)
    #expect(y.gradient == nil)
  }
}
