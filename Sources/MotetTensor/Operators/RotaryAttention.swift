import CKernels
import Foundation

// q, k rotated by position; S = q·kᵀ/√d, causal; o = softmax(S)·v
// Su et al. 2021, arXiv 2104.09864 (rotation); Ainslie et al. 2023, 2305.13245 (grouped queries);
// Dao 2023, 2307.08691, algorithms 1 and 2 (blocks, forward and backward).

/// The sizes of an attention layer.
public struct AttentionShape: Sendable, Equatable {
  public let heads: Int
  public let kvHeads: Int
  public let headDimension: Int

  public init(heads: Int, kvHeads: Int, headDimension: Int) {
    self.heads = heads
    self.kvHeads = kvHeads
    self.headDimension = headDimension
  }

  var queryWidth: Int { heads * headDimension }
  var kvWidth: Int { kvHeads * headDimension }
  /// Queries, keys and values side by side.
  public var packedWidth: Int { queryWidth + 2 * kvWidth }
}

/// Cosines and sines of the rotation by position, `[positions, headDimension/2]` each.
public struct RotaryTable: Sendable {
  let positions: Int
  let cosines: [Float]
  let sines: [Float]

  public init(positions: Int, headDimension: Int, theta: Double) {
    self.positions = positions
    let half = headDimension / 2
    var cosines = [Float](repeating: 0, count: positions * half)
    var sines = cosines
    for j in 0..<half {
      // Frequencies in f32, as transformers computes them.
      let frequency = Float(1 / pow(theta, Double(2 * j) / Double(headDimension)))
      for position in 0..<positions {
        let angle = Float(position) * frequency
        cosines[position * half + j] = cos(angle)
        sines[position * half + j] = sin(angle)
      }
    }
    self.cosines = cosines
    self.sines = sines
  }
}

/// A sequence's run of rows in a batch, and what came before it.
public struct SequenceSpan {
  public let rows: Range<Int>
  /// The position of its first row.
  public let start: Int
  /// Where its keys and values are kept for later passes; nil when the whole sequence is in the batch. Of a batch all
  /// sequences have one, or none.
  public let cache: KeyValueCache?

  public init(rows: Range<Int>, start: Int = 0, cache: KeyValueCache? = nil) {
    self.rows = rows
    self.start = start
    self.cache = cache
  }
}

extension Tape {
  /// Causal attention of packed sequences, each over itself alone.
  /// - Parameters:
  ///   - qkv: `[tokens, (heads + 2·kvHeads)·headDimension]`; its contents are rotated in place
  ///   - sequences: runs of rows that cover `qkv` in order
  ///   - positions: the position of each row in its sequence
  /// - Returns: `[tokens, heads·headDimension]`
  public func rotaryAttention(
    _ qkv: Tensor, shape: AttentionShape, sequences: [SequenceSpan], positions: [Int32], table: RotaryTable,
    layer: Int
  ) -> Tensor {
    precondition(qkv.columns == shape.packedWidth && positions.count == qkv.rows)
    precondition(positions.allSatisfy { (0..<table.positions).contains(Int($0)) }, "past the rotary table")
    precondition(sequences.allSatisfy { $0.rows.lowerBound >= 0 && $0.rows.upperBound <= qkv.rows })
    if sequences.contains(where: { $0.cache != nil }) {
      return cachedAttention(
        qkv, shape: shape, sequences: sequences, positions: positions, table: table, layer: layer)
    }
    if isNarrow, mk_attention_bf16_fits(Int64(shape.headDimension)) {
      return narrowAttention(
        qkv, shape: shape, sequences: sequences, positions: positions, table: table)
    }
    let tracked = isRecording && qkv.wantsGradient
    let y = Tensor(
      rows: qkv.rows, columns: shape.queryWidth, as: isNarrow ? .bf16 : .f32, wantsGradient: tracked)
    rotate(qkv, shape: shape, positions: positions, table: table, direction: 1)
    let logSums = Tensor(rows: qkv.rows, columns: shape.heads)
    if kernels == .reference {
      attendByReference(qkv, into: y, shape: shape, sequences: sequences)
    } else {
      attend(qkv, into: y, logSums: tracked ? logSums : nil, shape: shape, sequences: sequences)
    }
    guard tracked, let target = qkv.gradient, let dy = y.gradient else { return y }
    let saved = Saved(qkv, as: storage)
    let savedOut = y.converted(to: storage)
    // Unowned: the tape holds this step, and a tape that never goes back must not hold itself.
    record { [kernels, unowned self] in
      guard let dy = dy.take() else { return }
      let qkv = saved.tensor()
      let back = Tensor(rows: qkv.rows, columns: qkv.columns)
      if kernels == .reference {
        self.attendBackByReference(qkv, dy: dy, into: back, shape: shape, sequences: sequences)
      } else {
        self.attendBack(
          qkv, out: savedOut, dy: dy, logSums: logSums, into: back, shape: shape, sequences: sequences)
      }
      self.rotate(back, shape: shape, positions: positions, table: table, direction: -1)
      target.accumulate(back)
    }
    return y
  }

  func rotate(
    _ x: Tensor, shape: AttentionShape, positions: [Int32], table: RotaryTable, direction: Float
  ) {
    if kernels == .reference {
      let rotated = Reference.rotate(
        x.values, columns: x.columns, heads: shape.heads + shape.kvHeads, dimension: shape.headDimension,
        positions: positions, cosines: table.cosines, sines: table.sines, direction: direction)
      return x.take(rotated, accumulate: false)
    }
    profile.measured(.attention) {
      mk_rotate(
        x.data, Int64(x.columns), Int64(x.rows), Int64(shape.heads + shape.kvHeads),
        Int64(shape.headDimension), positions, table.cosines, table.sines, direction)
    }
  }

  private func attend(
    _ qkv: Tensor, into y: Tensor, logSums: Tensor?, shape: AttentionShape, sequences: [SequenceSpan]
  ) {
    let spans = sequences.map { span -> mk_sequence in
      let q = qkv.row(span.rows.lowerBound)
      let k = q + shape.queryWidth
      return mk_sequence(
        q: q, k: k, v: k + shape.kvWidth, q_stride: Int64(qkv.columns), kv_stride: Int64(qkv.columns),
        queries: Int64(span.rows.count), out: y.storage == .f32 ? y.row(span.rows.lowerBound) : nil,
        narrow_out: y.storage == .bf16 ? y.narrow + span.rows.lowerBound * y.columns : nil,
        out_stride: Int64(y.columns), log_sum: logSums.map { $0.row(span.rows.lowerBound) })
    }
    profile.measured(.attention) {
      mk_attention(
        spans, Int64(spans.count), Int64(shape.heads), Int64(shape.kvHeads), Int64(shape.headDimension))
    }
  }

  private func attendBack(
    _ qkv: Tensor, out: Tensor, dy: Tensor, logSums: Tensor, into back: Tensor, shape: AttentionShape,
    sequences: [SequenceSpan]
  ) {
    let spans = sequences.map { span -> mk_sequence_backward in
      let first = span.rows.lowerBound
      let q = qkv.row(first)
      let dq = back.row(first)
      return mk_sequence_backward(
        q: q, k: q + shape.queryWidth, v: q + shape.queryWidth + shape.kvWidth, dout: dy.row(first),
        log_sum: logSums.row(first), out: out.storage == .f32 ? out.row(first) : nil,
        narrow_out: out.storage == .bf16 ? out.narrow + first * out.columns : nil, dq: dq,
        dk: dq + shape.queryWidth,
        dv: dq + shape.queryWidth + shape.kvWidth, qkv_stride: Int64(qkv.columns),
        out_stride: Int64(out.columns), queries: Int64(span.rows.count))
    }
    profile.measured(.attention) {
      mk_attention_backward(
        spans, Int64(spans.count), Int64(shape.heads), Int64(shape.kvHeads), Int64(shape.headDimension))
    }
  }
}
