import CKernels
import Crypto
import Foundation
import Testing

@testable import MotetTensor

/// What the compute core promises those who build on it.
@Suite struct GuaranteeTests {
  /// A small block: norm, adapted linear, attention, adapted linear with residual, norm, head.
  @Compute final class Block {
    static let shape = AttentionShape(heads: 4, kvHeads: 2, headDimension: 16)
    static let (hidden, vocabulary) = (48, 90)
    let qkv: FrozenMatrix
    let output: FrozenMatrix
    let head: FrozenMatrix
    let norm = FrozenVector(floats(hidden, seed: 1))
    let table = RotaryTable(positions: 64, headDimension: 16, theta: 10_000)

    init(precision: Precision = .f32, seed base: UInt64 = 0) throws {
      func matrix(_ outputs: Int, _ inputs: Int, seed: UInt64) throws -> FrozenMatrix {
        try FrozenMatrix(
          floats(outputs * inputs, seed: base + seed, scale: 0.3), outputs: outputs, inputs: inputs,
          precision: precision)
      }
      qkv = try matrix(Self.shape.packedWidth, Self.hidden, seed: 2)
      output = try matrix(Self.hidden, Self.shape.queryWidth, seed: 3)
      head = try matrix(Self.vocabulary, Self.hidden, seed: 4)
    }

    struct Adapter {
      let qkv: (a: Parameter, b: Parameter)
      let output: (a: Parameter, b: Parameter)
      var all: [Parameter] { [qkv.a, qkv.b, output.a, output.b] }
    }

    func adapter(rank: Int, seed: UInt64, trainable: Bool = true) -> Adapter {
      func pair(_ outputs: Int, _ inputs: Int, _ seed: UInt64) -> (Parameter, Parameter) {
        (
          Parameter(rows: rank, columns: inputs, floats(rank * inputs, seed: seed), trainable: trainable),
          Parameter(
            rows: outputs, columns: rank, floats(outputs * rank, seed: seed + 1), trainable: trainable)
        )
      }
      return Adapter(
        qkv: pair(Self.shape.packedWidth, Self.hidden, seed),
        output: pair(Self.hidden, Self.shape.queryWidth, seed + 2))
    }

    /// The losses of sequences that carry an adapter each (or none).
    func losses(
      _ tape: Tape, x values: [Float], lengths: [Int], adapters: [Adapter?], wantsInputGradient: Bool = false
    ) throws -> (losses: [Float], x: Tensor) {
      let (spans, positions) = packed(lengths)
      let x = tensor(positions.count, Self.hidden, values, wantsGradient: wantsInputGradient)
      func terms(_ pick: (Adapter) -> (a: Parameter, b: Parameter), _ outputs: Int) -> [LowRankTerm] {
        zip(spans, adapters).compactMap { span, adapter in
          adapter.map {
            LowRankTerm(
              rows: span.rows, columns: 0..<outputs, loraA: pick($0).a, loraB: pick($0).b, scale: 0.5)
          }
        }
      }
      let normed = tape.rmsNorm(x, weight: norm, epsilon: 1e-5)
      let mixed = try tape.adaptedLinear(
        normed, qkv, terms: terms({ $0.qkv }, Self.shape.packedWidth))
      let attended = tape.rotaryAttention(
        mixed, shape: Self.shape, sequences: spans, positions: positions, table: table, layer: 0)
      let sum = try tape.adaptedLinear(
        attended, output, terms: terms({ $0.output }, Self.hidden), adding: x)
      let last = tape.rmsNorm(sum, weight: norm, epsilon: 1e-5)
      let targets = positions.indices.map { Int32($0 * 7 % Self.vocabulary) }
      let losses = try tape.headLoss(
        last, head: head, targets: targets,
        scales: [Float](repeating: 1 / Float(targets.count), count: targets.count))
      return (losses, x)
    }

    var fingerprint: String {
      var sha = SHA256()
      for matrix in [qkv, output, head] { matrix.hash(into: &sha) }
      norm.hash(into: &sha)
      return sha.finalize().description
    }
  }

  @Test(arguments: precisions) @Compute func trainingLeavesTheFrozenBytes(precision: Precision) throws {
    let block = try Block(precision: precision)
    let before = block.fingerprint
    let adapter = block.adapter(rank: 3, seed: 10)
    for _ in 0..<3 {
      let tape = Tape(recording: true)
      _ = try block.losses(
        tape, x: floats(40 * 48, seed: 5), lengths: [33, 7], adapters: [adapter, adapter],
        wantsInputGradient: true)
      try tape.backward()
      for parameter in adapter.all {
        let gradient = try #require(parameter.gradient)
        #expect(gradient.values.contains { $0 != 0 })
        parameter.values.add(gradient, scale: -0.1)
        gradient.fill(0)
      }
    }
    #expect(block.fingerprint == before)
    let other = try Block(precision: precision, seed: 1)
    #expect(other.fingerprint != before, "a fingerprint tells matrices apart")
  }

  /// Rows of four mixes in a batch (one of them none) lose what they lose alone.
  @Test(arguments: [Kernels.fast, .reference])
  @Compute func rowsOfDifferentMixesAreAsTheyAreAlone(kernels: Kernels) throws {
    let block = try Block()
    let adapters: [Block.Adapter?] = [
      block.adapter(rank: 3, seed: 20), nil, block.adapter(rank: 1, seed: 30),
      block.adapter(rank: 16, seed: 40),
    ]
    let lengths = [5, 20, 1, 37]
    let values = floats(63 * 48, seed: 6)
    let tape = Tape(recording: false, kernels: kernels)
    let (spans, _) = packed(lengths)
    for i in lengths.indices {
      let rows = spans[i].rows
      // The same targets: the rows stand where they stood, the others carry no adapter.
      let alone = try block.losses(
        tape, x: values, lengths: lengths, adapters: adapters.indices.map { $0 == i ? adapters[i] : nil })
      let together = try block.losses(tape, x: values, lengths: lengths, adapters: adapters)
      expectClose(Array(together.losses[rows]), Array(alone.losses[rows]), 1e-5, "mix \(i)")
      // And by itself in a batch of its own, up to the head.
      let own = tensor(lengths[i], 48, Array(values[rows.lowerBound * 48..<rows.upperBound * 48]))
      let terms = adapters[i].map { adapter in
        [
          LowRankTerm(
            rows: 0..<lengths[i], columns: 0..<128, loraA: adapter.qkv.a, loraB: adapter.qkv.b, scale: 0.5)
        ]
      }
      let all = zip(spans, adapters).compactMap { span, adapter in
        adapter.map {
          LowRankTerm(rows: span.rows, columns: 0..<128, loraA: $0.qkv.a, loraB: $0.qkv.b, scale: 0.5)
        }
      }
      let single = try tape.adaptedLinear(own, block.qkv, terms: terms ?? [])
      let whole = try tape.adaptedLinear(tensor(63, 48, values), block.qkv, terms: all)
      expectClose(single.values, whole.slice(rows, columns: 0..<128), 1e-5, "rows \(i)")
      if adapters[i] != nil {
        let plain = try tape.adaptedLinear(own, block.qkv, terms: [])
        #expect(plain.values != single.values, "the adapter adds something")
      }
    }
  }

  @Test @Compute func nothingIsRecordedBelowTheLowestTensorThatWantsAGradient() throws {
    let block = try Block()
    let values = floats(9 * 48, seed: 7)
    let frozen = block.adapter(rank: 2, seed: 50, trainable: false)
    // Plain loops pack nothing, and byteCount is one of the witnesses.
    let tape = Tape(recording: true, kernels: .fast)
    _ = try block.losses(tape, x: values, lengths: [9], adapters: [frozen])
    #expect(tape.recordedSteps == 0, "a loaded adapter alone wants no gradient")

    let bytes = block.qkv.byteCount
    let trained = block.adapter(rank: 2, seed: 60)
    _ = try block.losses(tape, x: values, lengths: [9], adapters: [trained])
    #expect(tape.recordedSteps == 5, "everything but the norm below the adapter")
    try tape.backward()
    #expect(tape.recordedSteps == 0)
    #expect(block.qkv.byteCount == bytes, "dy·W is never asked of the lowest matrix")
    #expect(block.output.byteCount >= 2 * 4 * block.output.outputs * block.output.inputs)

    let silent = Tape(recording: false)
    let (_, x) = try block.losses(
      silent, x: values, lengths: [9], adapters: [trained], wantsInputGradient: true)
    #expect(silent.recordedSteps == 0)
    #expect(x.gradientValue == nil)
  }

  @Test @Compute func aTapeThatNeverGoesBackIsFreed() throws {
    let block = try Block()
    weak var left: Tape?
    do {
      let tape = Tape(recording: true)
      _ = try block.losses(
        tape, x: floats(9 * 48, seed: 7), lengths: [9], adapters: [block.adapter(rank: 2, seed: 60)])
      left = tape
      #expect(tape.recordedSteps > 0)
    }
    #expect(left == nil)
  }

  @Test @Compute func repeatedStepsGiveTheSameBits() throws {
    let block = try Block(precision: .automatic)
    let values = floats(200 * 48, seed: 8)
    let runs = try (0..<4).map { _ in
      let adapter = block.adapter(rank: 5, seed: 70)
      let tape = Tape(recording: true)
      let lengths = [64, 64, 1, 40, 31]
      let (losses, x) = try block.losses(
        tape, x: values, lengths: lengths, adapters: lengths.map { _ in adapter }, wantsInputGradient: true)
      try tape.backward()
      let gradients = adapter.all.flatMap { $0.gradient?.values ?? [] }
      return (losses + gradients + (x.gradientValue?.values ?? [])).map(\.bitPattern)
    }
    #expect(runs.allSatisfy { $0 == runs[0] })
    #expect(runs[0].count > 200 * 48)
  }

  @Test @Compute func thePoolHandsOutMemoryThatWasGivenBack() {
    var first: Tensor? = Tensor(rows: 333, columns: 77)
    let address = first?.data
    let second = Tensor(rows: 333, columns: 77)
    #expect(second.data != address, "two living tensors never share")
    first = nil
    // Nearly the same size falls in the same class.
    let third = Tensor(rows: 333, columns: 76)
    #expect(third.data == address)
    for bytes in [1, 4096, 4097, 100_000, 1 << 20, (1 << 20) + 1] {
      let capacity = BufferPool.capacity(for: bytes)
      #expect(capacity >= bytes && capacity <= max(8192, bytes + bytes / 4))
    }
  }

  @Test func allWorkRunsOnOneThreadInTurn() async {
    actor Seen {
      var threads: Set<UInt> = []
      func add(_ thread: UInt) { threads.insert(thread) }
    }
    let seen = Seen()
    let busy = Counter()
    await withTaskGroup(of: Void.self) { group in
      for i in 0..<200 {
        group.addTask {
          let thread = await Compute.run { () -> UInt in
            busy.enter()
            defer { busy.leave() }
            Compute.preconditionIsolated()
            return UInt(pthread_self())
          }
          await seen.add(thread)
          if i % 10 == 0 {
            let again = await Compute.run { () async -> UInt in
              await Task.yield()
              return Self.currentThread()
            }
            await seen.add(again)
          }
        }
      }
    }
    #expect(await seen.threads.count == 1)
    #expect(busy.most == 1 && busy.total == 200)
    #expect(await !seen.threads.contains(Self.currentThread()))
  }

  static func currentThread() -> UInt { UInt(pthread_self()) }

  /// Unchecked, because the compute thread alone counts; that it does is what is tested.
  final class Counter: @unchecked Sendable {
    private var inside = 0
    private(set) var most = 0
    private(set) var total = 0
    func enter() {
      inside += 1
      total += 1
      most = max(most, inside)
    }
    func leave() { inside -= 1 }
  }
}
