import CKernels
import Testing

@testable import MotetTensor

/// What stands between products and the residual stream: biases, and sums of what was normed or scaled.
@Suite struct SublayerTests {
  @Test(arguments: [Kernels.fast, .reference])
  @Compute func aBiasMatchesPyTorch(kernels: Kernels) throws {
    let f = try FamilyFixture.load().bias
    let tape = Tape(recording: true, kernels: kernels)
    let product = tensor(f.rows, f.columns, f.product)
    let trained = Parameter(rows: 1, columns: f.columns, f.bias, trainable: true)
    let y = tape.addingBias(product, FrozenVector(f.bias), trained: trained)
    try goBack(tape, from: y, f.dy)
    expectClose(y.values, f.y, 1e-6, "y")
    expectClose(trained.gradient?.values ?? [], f.db, 1e-6, "db")
    #expect(product.gradientValue?.values == f.dy)
  }

  @Test @Compute func aFrozenBiasIsAddedInPlaceAndRecordsNothing() throws {
    let tape = Tape(recording: true)
    let product = tensor(2, 3, [1, 2, 3, 4, 5, 6])
    let y = tape.addingBias(product, FrozenVector([10, 20, 30]))
    #expect(y === product && y.values == [11, 22, 33, 14, 25, 36] && tape.recordedSteps == 0)
  }

  /// Column sums over more rows and columns than one thread takes, of both formats, and of rows that are longer.
  @Test(arguments: [(1, 1), (3, 17), (300, 129), (70, 1000)])
  @Compute func columnSumsMatchReference(rows: Int, columns: Int) {
    let dy = tensor(rows, columns, floats(rows * columns, seed: 1))
    func sums(_ dy: Tensor, _ kernels: Kernels) -> [Float] {
      let parameter = Parameter(rows: 1, columns: columns, floats(columns, seed: 2), trainable: true)
      parameter.gradient?.fill(0.5)
      parameter.gatherColumns(dy, kernels: kernels)
      return parameter.gradient?.values ?? []
    }
    let plain = sums(dy, .reference)
    expectClose(sums(dy, .fast), plain, 1e-5, "f32")
    expectClose(sums(dy.converted(to: .bf16), .fast), plain, 0.01, "bf16")
    let longer = tensor(rows, columns + 3, floats(rows * (columns + 3), seed: 3))
    let cut = tensor(rows, columns, longer.slice(0..<rows, columns: 0..<columns))
    #expect(sums(longer, .fast) == sums(cut, .fast))
  }

  @Test(arguments: [Kernels.fast, .reference], [ActivationStorage.f32, .bf16])
  @Compute func aScaledSumGoesBackToBothSides(kernels: Kernels, storage: ActivationStorage) throws {
    let count = 5 * 4000
    let (a, b, dy) = (floats(count, seed: 1), floats(count, seed: 2), floats(count, seed: 3))
    let tape = Tape(recording: true, kernels: kernels)
    let residual = tensor(5, 4000, a)
    let y = tensor(5, 4000, b).converted(to: storage).withPlaceForGradient
    let sum = tape.sum(residual, y, scale: 0.25)
    try goBack(tape, from: sum, dy)
    expectClose(sum.values, zip(a, y.values).map { $0 + 0.25 * $1 }, 1e-7, "sum")
    #expect(residual.gradientValue?.values == dy)
    #expect(y.gradientValue?.values == dy.map { $0 * 0.25 })
  }

  /// The gradients of a sum are two tensors: what is done to one is not done to the other.
  @Test @Compute func theGradientsOfASumAreApart() throws {
    let tape = Tape(recording: true)
    let residual = tensor(1, 2, [1, 2])
    let y = tensor(1, 2, [3, 4])
    try goBack(tape, from: tape.sum(residual, y), [5, 6])
    residual.gradientValue?.fill(0)
    #expect(y.gradientValue?.values == [5, 6])
  }

  @Test(arguments: [Kernels.fast, .reference], [ActivationStorage.f32, .bf16])
  @Compute func aScaledTensorKeepsItsFormat(kernels: Kernels, storage: ActivationStorage) throws {
    let tape = Tape(recording: true, kernels: kernels)
    let x = tensor(3, 5000, floats(15_000, seed: 1)).converted(to: storage).withPlaceForGradient
    let y = tape.scaled(x, by: 0.3)
    let dy = floats(15_000, seed: 2)
    try goBack(tape, from: y, dy)
    #expect(y.storage == storage)
    let expected = x.values.map { 0.3 * $0 }
    #expect(y.values == (storage == .bf16 ? Tensor.roundedToBF16(expected) : expected))
    #expect(x.gradientValue?.values == dy.map { 0.3 * $0 })
    #expect(Tape(recording: false).scaled(x, by: 2).wantsGradient == false)
  }

  @Test func gradientsAreThoseOfSmallChanges() {
    let (x, z, bias) = (samples(12, seed: 1), samples(12, seed: 2), samples(4, seed: 3))
    let dy = samples(12, seed: 4)
    check(Reference.columnSums(dy, columns: 4), at: bias, dy: dy, "db") { Reference.addingBias(x, $0) }
    check(Reference.scaled(dy, by: 0.7), at: z, dy: dy, "dz") { Reference.sum(x, $0, scale: 0.7) }
    check(Reference.scaled(dy, by: -2), at: x, dy: dy, "dx") { Reference.scaled($0, by: -2) }
  }
}
