import CKernels

// q, k rotated by position; S = s·q·kᵀ over the keys that a query sees; o = softmax(S)·v
// Su et al. 2021, arXiv 2104.09864 (rotation); Ainslie et al. 2023, 2305.13245 (grouped queries);
// Dao 2023, 2307.08691, algorithms 1 and 2 (blocks, forward and backward).

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
  /// Attention of packed sequences, each over itself alone.
  /// - Parameters:
  ///   - qkv: `[tokens, (heads + 2·kvHeads)·headDimension]`; its contents are rotated in place
  ///   - sequences: runs of rows that cover `qkv` in order
  ///   - positions: the position of each row in its sequence
  ///   - table: of the pairs that the rule rotates
  ///   - layer: where a cache keeps this layer's keys and values
  /// - Returns: `[tokens, heads·headDimension]`
  /// - Precondition: a rule that is not causal has no caches
  public func rotaryAttention(
    _ qkv: Tensor, rule: AttentionRule, sequences: [SequenceSpan], positions: [Int32], table: RotaryTable,
    layer: Int
  ) -> Tensor {
    let shape = rule.shape
    precondition(rule.isValid)
    precondition(qkv.columns == shape.packedWidth && positions.count == qkv.rows)
    precondition(rule.fits(table, positions: positions), "past the rotary table")
    precondition(sequences.allSatisfy { $0.rows.lowerBound >= 0 && $0.rows.upperBound <= qkv.rows })
    if sequences.contains(where: { $0.cache != nil }) {
      return cachedAttention(
        qkv, rule: rule, sequences: sequences, positions: positions, table: table, layer: layer)
    }
    let reach = sequences.reduce(0) { max($0, $1.rows.count) }
    if isNarrow, rule.isPlain(reach: reach), mk_attention_bf16_fits(Int64(shape.headDimension)) {
      return narrowAttention(qkv, rule: rule, sequences: sequences, positions: positions, table: table)
    }
    let tracked = isRecording && qkv.wantsGradient
    let y = Tensor(
      rows: qkv.rows, columns: shape.queryWidth, as: isNarrow ? .bf16 : .f32, wantsGradient: tracked)
    rotate(qkv, rule: rule, positions: positions, table: table, direction: 1)
    let logSums = Tensor(rows: qkv.rows, columns: shape.heads)
    if kernels == .reference {
      attendByReference(qkv, into: y, rule: rule, sequences: sequences)
    } else {
      attend(qkv, into: y, logSums: tracked ? logSums : nil, rule: rule, sequences: sequences)
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
        self.attendBackByReference(qkv, dy: dy, into: back, rule: rule, sequences: sequences)
      } else {
        self.attendBack(
          qkv, out: savedOut, dy: dy, logSums: logSums, into: back, rule: rule, sequences: sequences)
      }
      self.rotate(back, rule: rule, positions: positions, table: table, direction: -1)
      target.accumulate(back)
    }
    return y
  }

  func rotate(
    _ x: Tensor, rule: AttentionRule, positions: [Int32], table: RotaryTable, direction: Float
  ) {
    if kernels == .reference {
      let rotated = Reference.rotate(
        x.values, columns: x.columns, rule: rule, positions: positions, cosines: table.cosines,
        sines: table.sines, direction: direction)
      return x.take(rotated, accumulate: false)
    }
    var described = rule.described
    profile.measured(.attention) {
      mk_rotate(
        &described, x.data, Int64(x.columns), Int64(x.rows), positions, table.cosines, table.sines, direction)
    }
  }

  private func attend(
    _ qkv: Tensor, into y: Tensor, logSums: Tensor?, rule: AttentionRule, sequences: [SequenceSpan]
  ) {
    let shape = rule.shape
    let spans = sequences.map { span -> mk_sequence in
      let q = qkv.row(span.rows.lowerBound)
      let k = q + shape.queryWidth
      return mk_sequence(
        q: q, k: k, v: k + shape.kvWidth, q_stride: Int64(qkv.columns), kv_stride: Int64(qkv.columns),
        queries: Int64(span.rows.count), out: y.storage == .f32 ? y.row(span.rows.lowerBound) : nil,
        narrow_out: y.storage == .bf16 ? y.narrow + span.rows.lowerBound * y.columns : nil,
        out_stride: Int64(y.columns), log_sum: logSums.map { $0.row(span.rows.lowerBound) })
    }
    var described = rule.described
    profile.measured(.attention) { mk_attention(&described, spans, Int64(spans.count)) }
  }

  private func attendBack(
    _ qkv: Tensor, out: Tensor, dy: Tensor, logSums: Tensor, into back: Tensor, rule: AttentionRule,
    sequences: [SequenceSpan]
  ) {
    let shape = rule.shape
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
    var described = rule.described
    profile.measured(.attention) { mk_attention_backward(&described, spans, Int64(spans.count)) }
  }
}

extension AttentionRule {
  /// Whether a table turns as many pairs as the rule does, at all these positions.
  func fits(_ table: RotaryTable, positions: [Int32]) -> Bool {
    rotated == 0
      || (table.pairs == rotated / 2 && positions.allSatisfy { (0..<table.positions).contains(Int($0)) })
  }
}

extension Tape {
  /// Causal attention with all of each head rotated.
  public func rotaryAttention(
    _ qkv: Tensor, shape: AttentionShape, sequences: [SequenceSpan], positions: [Int32], table: RotaryTable,
    layer: Int
  ) -> Tensor {
    rotaryAttention(
      qkv, rule: AttentionRule(shape), sequences: sequences, positions: positions, table: table, layer: layer)
  }
}
