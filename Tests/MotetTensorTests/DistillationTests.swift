import CKernels
import Foundation
import Testing

@testable import MotetTensor

/// A head's rows that learn from another model.
@Suite struct DistillationTests {
  private struct Fixture: Decodable {
    let rows, hidden, teacherHidden, vocabulary: Int
    let temperature, weight: Float
    let h, head, states, teacherHead, scales, losses, dh: [Float]
    let targets: [Int32]

    static func load() throws -> Fixture {
      let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      let file = folder.appendingPathComponent("../Fixtures/distillation/values.json")
      return try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: file))
    }
  }

  /// The first row has no teacher.
  @Test(arguments: [Kernels.fast, .reference])
  @Compute func lossesAndGradientsAreThoseOfPyTorch(kernels: Kernels) throws {
    let f = try Fixture.load()
    let tape = Tape(recording: true, kernels: kernels)
    let h = tensor(f.rows, f.hidden, f.h)
    let teacher = HeadTeacher(
      rows: 1..<f.rows, states: tensor(f.rows - 1, f.teacherHidden, Array(f.states[f.teacherHidden...])),
      head: try FrozenMatrix(
        f.teacherHead, outputs: f.vocabulary, inputs: f.teacherHidden, precision: .f32),
      temperature: f.temperature, weight: f.weight)
    let losses = try tape.headLoss(
      h, head: try FrozenMatrix(f.head, outputs: f.vocabulary, inputs: f.hidden, precision: .f32),
      targets: f.targets, scales: f.scales, teachers: [teacher])
    try tape.backward()
    expectClose(losses, f.losses, 3e-6, "losses")
    expectClose(h.gradientValue?.values ?? [], f.dh, 3e-6, "dh")
  }

  @Test func gradientsAreThoseOfFiniteDifferences() {
    let (rows, vocabulary) = (3, 7)
    let z = samples(rows * vocabulary, seed: 31, scale: 2)
    let taught = samples(rows * vocabulary, seed: 32, scale: 2)
    let scales = samples(rows, seed: 33)
    func loss(_ z: [Double]) -> (losses: [Double], gradient: [Double]) {
      Reference.distillation(
        z, taught: taught, targets: [0, 6, 2], scales: scales, temperature: 3, weight: 0.7,
        columns: vocabulary)
    }
    check(loss(z).gradient, at: z, dy: scales, "dz") { loss($0).losses }
  }

  /// Several teachers, runs past a chunk of the head, and a vocabulary that ends inside a block.
  @Test(arguments: [(5, 33), (300, 1000)])
  @Compute func kernelsAgreeWithTheReference(rows: Int, vocabulary: Int) throws {
    let head = try FrozenMatrix(
      floats(vocabulary * 20, seed: 4, scale: 3), outputs: vocabulary, inputs: 20, precision: .f32)
    let teacherHead = try FrozenMatrix(
      floats(vocabulary * 12, seed: 7, scale: 3), outputs: vocabulary, inputs: 12, precision: .f32)
    let runs = [1..<3, 3..<rows - 1]
    let both = try [Kernels.fast, .reference].map { kernels in
      let tape = Tape(recording: true, kernels: kernels)
      let h = tensor(rows, 20, floats(rows * 20, seed: 6, scale: 3))
      let teachers = runs.enumerated().map { index, run in
        HeadTeacher(
          rows: run, states: tensor(run.count, 12, floats(run.count * 12, seed: 8, scale: 3)),
          head: teacherHead,
          temperature: Float(1 + index), weight: 0.5)
      }
      let losses = try tape.headLoss(
        h, head: head, targets: (0..<rows).map { Int32(($0 * 37) % vocabulary) },
        scales: floats(rows, seed: 5), teachers: teachers)
      try tape.backward()
      return (losses, h.gradientValue?.values ?? [])
    }
    expectClose(both[0].0, both[1].0, 1e-5, "losses")
    expectClose(both[0].1, both[1].1, 1e-5, "dh")
  }

  @Test @Compute func aTeacherOfItsOwnOpinionTeachesNothing() {
    var logits: [Float] = [1e4, -1e4, 0, 3]
    var taught = logits
    var losses: [Float] = [7, 7]
    mk_distillation(&logits, &taught, [0, 0], &losses, [1, 1], 0, 4, 1, 2, 2)
    #expect(losses.allSatisfy { abs($0) < 1e-4 } && logits.allSatisfy { abs($0) < 1e-5 })
  }
}
