import Testing

@testable import MotetTensor

/// Experts and their router: against PyTorch, finite differences, and in bf16.
@Suite struct LowRankExpertsTests {
  @Compute
  private func experts(_ f: OperatorFixture.Experts) -> LowRankExperts {
    LowRankExperts(
      count: f.experts, top: f.top, scale: f.scale,
      router: Parameter(rows: f.experts, columns: f.inputs, f.router, trainable: true),
      loraA: Parameter(rows: f.experts * f.rank, columns: f.inputs, f.a, trainable: true),
      loraB: Parameter(rows: f.b.count / f.rank, columns: f.rank, f.b, trainable: true))
  }

  @Compute
  private func run(
    _ f: OperatorFixture.Experts, storage: ActivationStorage = .f32, kernels: Kernels
  ) throws -> (experts: LowRankExperts, y: [Float], dx: [Float]) {
    let made = experts(f)
    let tape = Tape(recording: true, storage: storage, kernels: kernels)
    let x = tensor(f.rows, f.inputs, f.x)
    let y = tape.expertParts(
      x, terms: [ExpertTerm(rows: f.run[0]..<f.run[1], columns: f.columns[0]..<f.columns[1], experts: made)],
      addedTo: tensor(f.rows, f.outputs, f.base))
    try goBack(tape, from: y, f.dy)
    return (made, y.values, x.gradientValue?.values ?? [])
  }

  @Test(arguments: [Kernels.fast, .reference])
  @Compute func valuesGradientsAndBalanceAreThoseOfPyTorch(kernels: Kernels) throws {
    let f = try OperatorFixture.load().experts
    let (made, y, dx) = try run(f, kernels: kernels)
    expectClose(y, f.y, 3e-6, "y")
    expectClose(dx, f.dx, 3e-6, "dx")
    expectClose(made.router.gradient?.values ?? [], f.drouter, 3e-6, "dR")
    expectClose(made.loraA.gradient?.values ?? [], f.da, 3e-6, "dA")
    expectClose(made.loraB.gradient?.values ?? [], f.db, 3e-6, "dB")
    #expect(made.load.map(Float.init) == f.load)
    #expect(made.balanceTokens == f.run[1] - f.run[0])
    let mean = (made.balanceGradient?.values ?? []).map { $0 / Float(made.balanceTokens) }
    expectClose(mean, f.dbalance, 3e-6, "d balance")
  }

  @Test @Compute func inBF16ItDiffersByRounding() throws {
    let f = try OperatorFixture.load().experts
    let narrow = try run(f, storage: .bf16, kernels: .fast)
    expectClose(narrow.y, f.y, 1e-5, "y")
    expectClose(narrow.experts.loraA.gradient?.values ?? [], f.da, 0.01, "dA")
    expectClose(narrow.dx, f.dx, 0.01, "dx")
  }

  @Test func gradientsAreThoseOfFiniteDifferences() {
    let shape = Reference.ExpertShape(count: 4, rank: 2, top: 2, inputs: 5, outputs: 3)
    let x = samples(6 * 5, seed: 1)
    let router = samples(4 * 5, seed: 2)
    let (a, b) = (samples(4 * 2 * 5, seed: 3), samples(4 * 3 * 2, seed: 4))
    let dy = samples(6 * 3, seed: 5)
    func y(_ x: [Double], _ router: [Double], _ a: [Double], _ b: [Double]) -> [Double] {
      Reference.experts(x, router: router, a: a, b: b, scale: 0.7, shape: shape)
    }
    let back = Reference.expertsBackward(x, router: router, a: a, b: b, dy: dy, scale: 0.7, shape: shape)
    check(back.dx, at: x, dy: dy, "dx") { y($0, router, a, b) }
    check(back.drouter, at: router, dy: dy, "dR") { y(x, $0, a, b) }
    check(back.da, at: a, dy: dy, "dA") { y(x, router, $0, b) }
    check(back.db, at: b, dy: dy, "dB") { y(x, router, a, $0) }
    let logits = samples(7 * 4, seed: 6)
    let shares = [0.1, 0.4, 0.3, 0.2]
    let slopes = Reference.balanceSlopes(logits, shares: shares).map { $0 / 7 }
    check(slopes, at: logits, dy: [1], "balance") { [Reference.balance($0, shares: shares)] }
  }

  @Test func theLargestAreChosenAndTheirGatesSumToOne() {
    let chosen = Reference.gates([0.5, 2, 2, -1], top: 2)
    #expect(chosen.map(\.expert) == [1, 2])
    #expect(chosen.map(\.gate) == [0.5, 0.5])
    #expect(Reference.gates([3.0, 1, 2], top: 1).map(\.gate) == [1])
  }
}
