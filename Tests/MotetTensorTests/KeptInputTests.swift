import Testing

@testable import MotetTensor

/// What an adapted linear keeps of its input for the way back.
@Suite struct KeptInputTests {
  @Test(arguments: [(ActivationStorage.f32, true), (.f32, false), (.bf16, true), (.bf16, false)])
  @Compute func theInputIsKeptForAnAThatTrainsAlone(storage: ActivationStorage, trainsA: Bool) throws {
    guard storage == .f32 || precisions.contains(.bf16) else { return }
    let matrix = try FrozenMatrix(
      floats(24 * 40, seed: 1), outputs: 40, inputs: 24, precision: storage == .f32 ? .f32 : .bf16)
    let loraA = Parameter(rows: 3, columns: 24, floats(72, seed: 2), trainable: trainsA)
    let loraB = Parameter(rows: 40, columns: 3, floats(120, seed: 3), trainable: true)
    let tape = Tape(recording: true, storage: storage, kernels: .fast)
    var x: Tensor? = Tensor(rows: 6, columns: 24, floats(144, seed: 4)).converted(to: storage)
    weak var kept = x
    let y = try tape.adaptedLinear(
      try #require(x), matrix,
      terms: [LowRankTerm(rows: 0..<6, columns: 0..<40, loraA: loraA, loraB: loraB, scale: 1)])
    x = nil
    #expect((kept != nil) == trainsA)
    try goBack(tape, from: y, floats(240, seed: 5))
    #expect(loraB.gradient?.values.contains { $0 != 0 } == true)
    #expect((loraA.gradient?.values.contains { $0 != 0 } ?? false) == trainsA)
  }
}
