import Testing

@testable import MotetTensor

/// Blocked attention against plain loops over shapes that end inside blocks, and against itself in pieces.
@Suite struct AttentionTests {
  @Compute func run(
    _ shape: AttentionShape, _ lengths: [Int], _ kernels: Kernels, storage: ActivationStorage = .f32
  ) throws -> (y: [Float], dx: [Float]) {
    let (spans, positions) = packed(lengths)
    let tape = Tape(recording: true, storage: storage, kernels: kernels)
    let x = tensor(
      positions.count, shape.packedWidth, floats(positions.count * shape.packedWidth, seed: 1, scale: 2))
    let table = RotaryTable(positions: 400, headDimension: shape.headDimension, theta: 10_000)
    let y = tape.rotaryAttention(
      x, shape: shape, sequences: spans, positions: positions, table: table, layer: 0)
    try goBack(tape, from: y, floats(y.count, seed: 2))
    return (y.values, x.gradientValue?.values ?? [])
  }

  @Test(arguments: [
    (4, 2, 16, [1, 2, 31, 32, 33]), (3, 1, 64, [127, 128, 129]), (2, 2, 24, [301, 1]), (4, 1, 8, [5, 40]),
    (2, 1, 80, [140]), (1, 1, 2, [33, 3]), (2, 2, 320, [34, 1]), (9, 3, 64, [16, 1, 1, 150]),
  ])
  @Compute func fastPathMatchesReference(heads: Int, kvHeads: Int, dimension: Int, lengths: [Int]) throws {
    let shape = AttentionShape(heads: heads, kvHeads: kvHeads, headDimension: dimension)
    let fast = try run(shape, lengths, .fast)
    let plain = try run(shape, lengths, .reference)
    expectClose(fast.y, plain.y, 1e-5, "y")
    expectClose(fast.dx, plain.dx, 1e-5, "dx")
  }

  @Test @Compute func narrowStorageCostsLittleOnTheReferencePath() throws {
    let shape = AttentionShape(heads: 4, kvHeads: 2, headDimension: 16)
    let whole = try run(shape, [40, 7], .reference)
    let narrow = try run(shape, [40, 7], .reference, storage: .bf16)
    #expect(whole.y == narrow.y)
    expectClose(narrow.dx, whole.dx, 0.02, "dx")
    #expect(narrow.dx != whole.dx)
  }

  @Test @Compute func narrowStorageCostsLittleWhereTheDotUnitDoesNotFit() throws {
    let shape = AttentionShape(heads: 4, kvHeads: 2, headDimension: 16)
    let whole = try run(shape, [40, 7, 1], .fast)
    let narrow = try run(shape, [40, 7, 1], .fast, storage: .bf16)
    expectClose(narrow.y, whole.y, 0.005, "y")
    expectClose(narrow.dx, whole.dx, 0.02, "dx")
    #expect(narrow.dx != whole.dx)
  }

  @Test(arguments: [Kernels.fast, .reference])
  @Compute func aSequenceInAPackIsAsItIsAlone(kernels: Kernels) throws {
    let shape = AttentionShape(heads: 2, kvHeads: 1, headDimension: 16)
    let lengths = [3, 50, 1, 20]
    let (spans, positions) = packed(lengths)
    let values = floats(positions.count * shape.packedWidth, seed: 3)
    let table = RotaryTable(positions: 64, headDimension: 16, theta: 10_000)
    let tape = Tape(recording: false, kernels: kernels)
    let together = tape.rotaryAttention(
      tensor(positions.count, shape.packedWidth, values), shape: shape, sequences: spans,
      positions: positions, table: table, layer: 0)
    for span in spans {
      let own = Array(
        values[span.rows.lowerBound * shape.packedWidth..<span.rows.upperBound * shape.packedWidth])
      let alone = tape.rotaryAttention(
        tensor(span.rows.count, shape.packedWidth, own), shape: shape,
        sequences: [SequenceSpan(rows: 0..<span.rows.count)], positions: Array(positions[span.rows]),
        table: table, layer: 0)
      #expect(alone.values == together.slice(span.rows, columns: 0..<shape.queryWidth))
    }
  }

  /// Prompts in chunks, then token by token, two sequences side by side at different places.
  @Test(arguments: [Kernels.fast, .reference], [16, 24])
  @Compute func chunksThroughACacheEqualTheWhole(kernels: Kernels, dimension: Int) throws {
    let shape = AttentionShape(heads: 4, kvHeads: 2, headDimension: dimension)
    let chunks = [[40, 1, 1, 33, 130, 1, 4], [1, 1, 64, 2, 1, 140, 1]]
    let lengths = chunks.map { $0.reduce(0, +) }
    let width = shape.packedWidth
    let (spans, positions) = packed(lengths)
    let values = floats(positions.count * width, seed: 4, scale: 2)
    let table = RotaryTable(positions: 256, headDimension: dimension, theta: 10_000)
    let tape = Tape(recording: false, kernels: kernels)
    let layer = 1
    let whole = tape.rotaryAttention(
      tensor(positions.count, width, values), shape: shape, sequences: spans, positions: positions,
      table: table, layer: layer)

    let pool = KeyValuePool(layers: 2, shape: shape, storage: .f32)
    let caches = [KeyValueCache(in: pool), KeyValueCache(in: pool)]
    var done = [0, 0]
    for step in chunks[0].indices {
      var rows: [Float] = []
      var steps: [SequenceSpan] = []
      var places: [Int32] = []
      for s in 0..<2 {
        let count = chunks[s][step]
        let first = spans[s].rows.lowerBound + done[s]
        steps.append(
          SequenceSpan(rows: places.count..<places.count + count, start: done[s], cache: caches[s]))
        rows += values[first * width..<(first + count) * width]
        places += (done[s]..<done[s] + count).map(Int32.init)
      }
      let y = tape.rotaryAttention(
        tensor(places.count, width, rows), shape: shape, sequences: steps, positions: places, table: table,
        layer: layer)
      for s in 0..<2 {
        let first = spans[s].rows.lowerBound + done[s]
        expectClose(
          y.slice(steps[s].rows, columns: 0..<shape.queryWidth),
          whole.slice(first..<first + chunks[s][step], columns: 0..<shape.queryWidth), 1e-5,
          "sequence \(s) step \(step)")
        done[s] += chunks[s][step]
        #expect(caches[s].pages.count == (done[s] + 31) / 32)
      }
    }
  }
}
