import CKernels
import Testing

@testable import MotetTensor

/// Heads whose logits become c·tanh(z/c), with biases and without, alone and beside a teacher.
@Suite struct SoftcapTests {
  @Compute private func matrix(_ values: [Float], inputs: Int) throws -> FrozenMatrix {
    try FrozenMatrix(values, outputs: values.count / inputs, inputs: inputs, precision: .f32)
  }

  @Test(arguments: [Kernels.fast, .reference])
  @Compute func lossesAndGradientsMatchPyTorch(kernels: Kernels) throws {
    for f in try FamilyFixture.load().headLoss {
      let head = try matrix(f.head, inputs: f.hidden)
      let weights = Parameter(rows: f.vocabulary, columns: f.hidden, f.head, trainable: true)
      let bias = f.bias.map {
        (
          values: FrozenVector($0),
          trained: Optional(Parameter(rows: 1, columns: f.vocabulary, $0, trainable: true))
        )
      }
      let tape = Tape(recording: true, kernels: kernels)
      let h = tensor(f.rows, f.hidden, f.h)
      let losses = try tape.headLoss(
        h, head: head, targets: f.targets, scales: f.scales, trained: weights, bias: bias, softcap: f.softcap)
      try tape.backward()
      expectClose(losses, f.losses, 2e-6, "losses")
      expectClose(h.gradientValue?.values ?? [], f.dh, 3e-6, "dh")
      expectClose(weights.gradient?.values ?? [], f.dhead, 3e-6, "dhead")
      expectClose(bias?.trained?.gradient?.values ?? [], f.dbias ?? [], 3e-6, "dbias")
      let logits = try tape.logits(h, head: head, bias: bias?.values, softcap: f.softcap)
      expectClose(logits.values, f.logits, 2e-6, "logits")
    }
  }

  @Test(arguments: [Kernels.fast, .reference])
  @Compute func rowsWithATeacherMatchPyTorch(kernels: Kernels) throws {
    for f in try FamilyFixture.load().headLoss {
      let tape = Tape(recording: true, kernels: kernels)
      let h = tensor(f.rows, f.hidden, f.h)
      let teacher = HeadTeacher(
        rows: f.rows - f.taught..<f.rows, states: tensor(f.taught, f.hidden, f.states),
        head: try matrix(f.teacher, inputs: f.hidden), temperature: f.temperature, weight: f.weight,
        softcap: f.teacherSoftcap)
      let losses = try tape.headLoss(
        h, head: try matrix(f.head, inputs: f.hidden), targets: f.targets, scales: f.scales,
        teachers: [teacher], bias: f.bias.map { (FrozenVector($0), nil) }, softcap: f.softcap)
      try tape.backward()
      expectClose(losses, f.taughtLosses, 3e-6, "losses")
      expectClose(h.gradientValue?.values ?? [], f.dtaught, 4e-6, "dh")
    }
  }

  @Test func gradientsAreThoseOfSmallChanges() {
    let (rows, vocabulary) = (3, 7)
    let z = samples(rows * vocabulary, seed: 31, scale: 2)
    let taught = samples(rows * vocabulary, seed: 32, scale: 2)
    let scales = samples(rows, seed: 33)
    func loss(_ z: [Double]) -> (losses: [Double], gradient: [Double]) {
      Reference.crossEntropy(z, targets: [0, 6, 2], scales: scales, softcap: 1.5, columns: vocabulary)
    }
    check(loss(z).gradient, at: z, dy: scales, "dz") { loss($0).losses }
    func distilled(_ z: [Double]) -> (losses: [Double], gradient: [Double]) {
      Reference.distillation(
        z, taught: taught, targets: [0, 6, 2], scales: scales, softcap: 1.5, temperature: 3, weight: 0.7,
        columns: vocabulary)
    }
    check(distilled(z).gradient, at: z, dy: scales, "distilled dz") { distilled($0).losses }
  }

  /// Rows past a chunk of the head, a vocabulary that ends inside a block, gradients in f32 and in bf16.
  @Test(arguments: [(3, 512), (129, 1000), (260, 33)])
  @Compute func kernelsAgreeWithTheReference(rows: Int, vocabulary: Int) throws {
    let head = try matrix(floats(vocabulary * 20, seed: 4, scale: 3), inputs: 20)
    let both = try [Kernels.fast, .reference].map { kernels in
      let tape = Tape(recording: true, kernels: kernels)
      let h = tensor(rows, 20, floats(rows * 20, seed: 6, scale: 3))
      let losses = try tape.headLoss(
        h, head: head, targets: (0..<rows).map { Int32(($0 * 37) % vocabulary) },
        scales: floats(rows, seed: 5), softcap: 10)
      try tape.backward()
      return (losses, h.gradientValue?.values ?? [])
    }
    expectClose(both[0].0, both[1].0, 4e-6, "losses")
    expectClose(both[0].1, both[1].1, 6e-6, "dh")
  }

  @Test @Compute func gradientsInBF16AreThoseInF32Rounded() {
    let (rows, columns, stride) = (3, 700, 704)
    var logits = floats(rows * columns, seed: 1, scale: 20)
    var again = logits
    var losses = [Float](repeating: 0, count: rows)
    var others = losses
    var narrow = [UInt16](repeating: 7, count: rows * stride)
    mk_cross_entropy(
      &logits, [0, 699, 5], &losses, [1, 0.5, 2], 9, Int64(rows), Int64(columns), nil, 0)
    mk_cross_entropy(
      &again, [0, 699, 5], &others, [1, 0.5, 2], 9, Int64(rows), Int64(columns), &narrow, Int64(stride))
    #expect(losses == others)
    let wide = narrow.map { Float(bitPattern: UInt32($0) << 16) }
    for row in 0..<rows {
      let own = Array(logits[row * columns..<(row + 1) * columns])
      #expect(Array(wide[row * stride..<row * stride + columns]) == Tensor.roundedToBF16(own))
    }
    #expect(narrow[columns] == 7, "what is between the rows is left alone")
  }

  /// The kernels' tanh: within a few units in the last place of every value, small ones too.
  @Test @Compute func tanhIsCloseEverywhere() {
    var x: [Float] = (0..<40_000).map { Float($0 - 20_000) / 2000 }
    x += (1..<100).flatMap { [Float(sign: .plus, exponent: -$0, significand: 1.3), -1e30, 1e30] }
    var y = x
    mk_softcap(&y, 1, Int64(y.count))
    for index in x.indices {
      let exact = Double.tanh(Double(x[index]))
      if !(abs(Double(y[index]) - exact) <= 3e-7 * abs(exact)) {
        Issue.record("tanh(\(x[index])): \(y[index]), not \(exact)")
        return
      }
    }
    var other: [Float] = [.nan, 0, .infinity, -.infinity]
    mk_softcap(&other, 30, 4)
    #expect(other[0].isNaN && other[1] == 0 && other[2] == 30 && other[3] == -30)
  }
}
