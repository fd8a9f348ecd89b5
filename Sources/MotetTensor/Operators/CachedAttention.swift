import CKernels

// Rotary attention where keys and values are kept between passes. The formulas stand in RotaryAttention.swift; there is
// no way back through it.

extension Tape {
  func cachedAttention(
    _ qkv: Tensor, rule: AttentionRule, sequences: [SequenceSpan], positions: [Int32], table: RotaryTable,
    layer: Int
  ) -> Tensor {
    precondition(!isRecording || !qkv.wantsGradient, "training sees whole sequences")
    precondition(rule.isCausal, "what sees later tokens cannot be computed before they are there")
    let y = Tensor(rows: qkv.rows, columns: rule.shape.queryWidth, as: isNarrow ? .bf16 : .f32)
    reserve(sequences, shape: rule.shape)
    if kernels == .reference {
      let rotated = Tensor(rows: qkv.rows, columns: qkv.columns, qkv.values)
      rotate(rotated, rule: rule, positions: positions, table: table, direction: 1)
      let unused = Tensor(rows: y.rows, columns: y.columns)
      attend(
        qkv, into: unused, rule: rule, sequences: sequences, positions: positions, table: table, layer: layer)
      attendByReference(rotated, into: y, rule: rule, sequences: sequences) { span in
        span.cache?.rows(ofLayer: layer, count: span.start)
      }
      return y
    }
    profile.measured(.attention) {
      attend(
        qkv, into: y, rule: rule, sequences: sequences, positions: positions, table: table, layer: layer)
    }
    return y
  }

  /// Room for the keys and values of all rows of a pass, which are in one pool.
  func reserve(_ sequences: [SequenceSpan], shape: AttentionShape) {
    for span in sequences {
      guard let cache = span.cache else { preconditionFailure("some sequences of a batch have no cache") }
      precondition(cache.pool.shape == shape && cache.pool === sequences[0].cache?.pool)
      guard cache.reserve(span.start + span.rows.count) else {
        preconditionFailure("the pool has no pages; reserve(_:) says so before a pass")
      }
    }
  }

  /// Writes keys and values to the pages, and what is found to `y`.
  private func attend(
    _ qkv: Tensor, into y: Tensor, rule: AttentionRule, sequences: [SequenceSpan], positions: [Int32],
    table: RotaryTable, layer: Int
  ) {
    guard let pool = sequences.first?.cache?.pool else { return }
    precondition(layer < pool.layers)
    var described = rule.described
    var cache = pool.described
    let pages = sequences.flatMap { $0.cache?.pointers ?? [] }
    sequences.withDescribed(qkv, into: y, positions: positions, pages: pages) { spans in
      mk_attention_cached(
        &described, &cache, spans, Int64(spans.count), Int64(layer * pool.layerBytes), table.cosines,
        table.sines)
    }
  }
}

extension [SequenceSpan] {
  /// As the kernels take them.
  /// - Parameter pages: those of all sequences one after the other
  @Compute
  func withDescribed(
    _ qkv: Tensor, into y: Tensor, positions: [Int32], pages: [UnsafeMutableRawPointer?],
    _ body: ([mk_cached_sequence]) -> Void
  ) {
    precondition(positions.count == qkv.rows && y.rows == qkv.rows)
    precondition(allSatisfy { $0.rows.lowerBound >= 0 && $0.rows.upperBound <= qkv.rows })
    positions.withUnsafeBufferPointer { positions in
      pages.withUnsafeBufferPointer { pages in
        var first = 0
        body(
          map { span -> mk_cached_sequence in
            defer { first += span.cache?.pointers.count ?? 0 }
            let row = span.rows.lowerBound
            return mk_cached_sequence(
              qkv: qkv.row(row), stride: Int64(qkv.columns), queries: Int64(span.rows.count),
              past: Int64(span.start), positions: positions.baseAddress.map { $0 + row },
              pages: pages.baseAddress.map { $0 + first }, out: y.storage == .f32 ? y.row(row) : nil,
              narrow_out: y.storage == .bf16 ? y.narrow + row * y.columns : nil, out_stride: Int64(y.columns))
          })
      }
    }
  }
}
