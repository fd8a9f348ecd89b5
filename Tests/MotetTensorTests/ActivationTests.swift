import Testing

@testable import MotetTensor

@Suite struct ActivationTests {
  @Compute private func run(
    _ activation: Activation, _ x: [Float], columns: Int, isGated: Bool, dy: [Float]? = nil,
    _ kernels: Kernels, storage: ActivationStorage = .f32
  ) throws -> (y: [Float], dx: [Float]) {
    let tape = Tape(recording: true, storage: storage, kernels: kernels)
    let input = tensor(x.count / columns, columns, x)
    let y = isGated ? tape.gated(input, activation) : tape.activated(input, activation)
    try goBack(tape, from: y, dy ?? floats(y.count, seed: 99))
    return (y.values, input.gradientValue?.values ?? [])
  }

  @Test(arguments: [Kernels.fast, .reference])
  @Compute func matchesPyTorch(kernels: Kernels) throws {
    let all = try FamilyFixture.load().activations
    #expect(Set(all.map(\.name)) == Set(Activation.allCases.map(\.rawValue)))
    for f in all {
      let activation = try #require(Activation(rawValue: f.name))
      let plain = try run(activation, f.x, columns: 2 * f.width, isGated: false, dy: f.dy, kernels)
      expectClose(plain.y, f.y, 1e-6, "\(f.name): y")
      expectClose(plain.dx, f.dx, 2e-6, "\(f.name): dx")
      let gated = try run(activation, f.x, columns: 2 * f.width, isGated: true, dy: f.dgated, kernels)
      expectClose(gated.y, f.gated, 1e-6, "\(f.name): gated")
      expectClose(gated.dx, f.dgateUp, 2e-6, "\(f.name): dgateUp")
    }
  }

  /// Each value within a millionth of PyTorch's, or of itself where it is large.
  @Test @Compute func geluIsExactFarOut() throws {
    let f = try FamilyFixture.load().tails
    for (activation, expected) in [(Activation.gelu, f.gelu), (.geluTanh, f.geluTanh)] {
      let y = try run(activation, f.x, columns: f.x.count, isGated: false, .fast).y
      for (index, (own, other)) in zip(y, expected).enumerated() {
        #expect(abs(own - other) <= 1e-6 * max(1, abs(other)), "\(activation) of \(f.x[index])")
      }
    }
  }

  /// No value of a fine grid is off by more than a few units in the last place of the larger of it and 1.
  @Test(arguments: Activation.allCases) @Compute func everyValueIsCloseToTheFormula(activation: Activation)
    throws
  {
    let x = (0..<40_000).map { Float($0 - 20_000) / 1250 }
    let (y, dx) = try run(
      activation, x, columns: x.count, isGated: false, dy: [Float](repeating: 1, count: x.count), .fast)
    for index in x.indices {
      let value = activation.value(Double(x[index]))
      let slope = activation.slope(Double(x[index]))
      let isClose =
        abs(Double(y[index]) - value) <= 3e-7 * max(1, abs(value)) && abs(Double(dx[index]) - slope) <= 2e-6
      if !isClose {
        Issue.record(
          "\(activation) of \(x[index]): \(y[index]), not \(value); slope \(dx[index]), not \(slope)")
        return
      }
    }
  }

  @Test(arguments: Activation.allCases) func gradientsAreThoseOfSmallChanges(activation: Activation) {
    let x = samples(30, seed: 4, scale: 3)
    for isGated in [false, true] {
      let dy = samples(isGated ? 15 : 30, seed: 5)
      check(
        Reference.activatedBackward(x, activation, dy: dy, width: isGated ? 5 : 10, isGated: isGated), at: x,
        dy: dy, "\(activation)"
      ) { Reference.activated($0, activation, width: isGated ? 5 : 10, isGated: isGated) }
    }
  }

  @Test(arguments: Activation.allCases, ElementwiseTests.shapes)
  @Compute func fastPathMatchesReference(activation: Activation, shape: (rows: Int, width: Int)) throws {
    let x = floats(shape.rows * 2 * shape.width, seed: 3, scale: 8)
    for isGated in [false, true] {
      let both = try [Kernels.fast, .reference].map {
        try run(activation, x, columns: 2 * shape.width, isGated: isGated, $0)
      }
      // Far out the plain formula in f32 gives 0 where the fast one still has a small value.
      for (own, other) in zip(both[0].y + both[0].dx, both[1].y + both[1].dx) {
        #expect(abs(own - other) <= 4e-6 * max(1, abs(other)), "\(activation)")
      }
    }
  }

  @Test(arguments: Activation.allCases) @Compute func bf16DiffersByRounding(activation: Activation) throws {
    let x = floats(37 * 50, seed: 4, scale: 4)
    for isGated in [false, true] {
      let wide = try run(activation, x, columns: 50, isGated: isGated, .fast)
      let narrow = try run(activation, x, columns: 50, isGated: isGated, .fast, storage: .bf16)
      expectClose(narrow.y, wide.y, 0.005, "y")
      expectClose(narrow.dx, wide.dx, 0.01, "dx")
      #expect(narrow.y != wide.y && narrow.dx != wide.dx)
    }
  }

  @Test(arguments: Activation.allCases) @Compute func hugeValuesStayFinite(activation: Activation) throws {
    let x: [Float] = [-1e30, 1e30, -1e10, 1e10, -300, 300, -88, 88]
    let (y, dx) = try run(activation, x, columns: 8, isGated: false, dy: [1, 1, 1, 1, 1, 1, 1, 1], .fast)
    let slopes: [Float] = activation == .tanh ? [0, 0] : [0, 1]
    for index in x.indices {
      let limit = activation == .tanh ? (x[index] < 0 ? -1 : 1) : max(x[index], 0)
      #expect(abs(y[index] - limit) <= 1e-30 + 1e-6 * abs(limit), "\(activation) of \(x[index])")
      #expect(abs(dx[index] - slopes[index % 2]) <= 1e-30 + 1e-6 * slopes[index % 2], "slope at \(x[index])")
    }
    let gated = try run(
      activation, [-1e30, 1, -1e30, 1e7, 1, 1e30, 1, 1e7], columns: 8, isGated: true, .fast)
    #expect((gated.y + gated.dx).allSatisfy { $0.isFinite })
  }

  @Test(arguments: Activation.allCases) @Compute func whatIsNotANumberStays(activation: Activation) throws {
    let y = try run(activation, [.nan, 1], columns: 2, isGated: false, .fast).y
    #expect(y[0].isNaN && !y[1].isNaN)
  }

  @Test @Compute func aGatedSiluIsSwiGLUBitForBit() throws {
    let x = floats(9 * 40, seed: 6, scale: 5)
    for storage in [ActivationStorage.f32, .bf16] {
      let own = try run(.silu, x, columns: 40, isGated: true, .fast, storage: storage)
      let tape = Tape(recording: true, storage: storage, kernels: .fast)
      let input = tensor(9, 40, x)
      let y = tape.swiglu(input)
      try goBack(tape, from: y, floats(y.count, seed: 99))
      #expect(own.y == y.values && own.dx == input.gradientValue?.values)
    }
  }
}
