import CKernels

// Rotary attention where keys and values are kept between passes. The formulas stand in RotaryAttention.swift; there is
// no way back through it.

extension Tape {
  func cachedAttention(
    _ qkv: Tensor, shape: AttentionShape, sequences: [SequenceSpan], positions: [Int32], table: RotaryTable,
    layer: Int
  ) -> Tensor {
    precondition(!isRecording || !qkv.wantsGradient, "training sees whole sequences")
    let y = Tensor(rows: qkv.rows, columns: shape.queryWidth, as: isNarrow ? .bf16 : .f32)
    for span in sequences {
      guard let cache = span.cache else { preconditionFailure("some sequences of a batch have no cache") }
      precondition(cache.pool.shape == shape && layer < cache.pool.layers)
      guard cache.reserve(span.start + span.rows.count) else {
        preconditionFailure("the pool has no pages; reserve(_:) says so before a pass")
      }
    }
    if kernels == .reference {
      let rotated = Tensor(rows: qkv.rows, columns: qkv.columns, qkv.values)
      rotate(rotated, shape: shape, positions: positions, table: table, direction: 1)
      let unused = Tensor(rows: y.rows, columns: y.columns)
      attend(qkv, into: unused, sequences: sequences, positions: positions, table: table, layer: layer)
      attendByReference(rotated, into: y, shape: shape, sequences: sequences) { span in
        span.cache?.rows(ofLayer: layer, count: span.start)
      }
      return y
    }
    profile.measured(.attention) {
      attend(qkv, into: y, sequences: sequences, positions: positions, table: table, layer: layer)
    }
    return y
  }

  /// Writes keys and values to the pages, and what is found to `y`.
  private func attend(
    _ qkv: Tensor, into y: Tensor, sequences: [SequenceSpan], positions: [Int32], table: RotaryTable,
    layer: Int
  ) {
    guard let pool = sequences.first?.cache?.pool else { return }
    var described = pool.described
    positions.withUnsafeBufferPointer { positions in
      // The pages of all sequences one after the other, so that one pointer lasts for the call.
      let pages = sequences.flatMap { $0.cache?.pointers ?? [] }
      pages.withUnsafeBufferPointer { pages in
        var first = 0
        let spans = sequences.map { span -> mk_cached_sequence in
          defer { first += span.cache?.pointers.count ?? 0 }
          let row = span.rows.lowerBound
          return mk_cached_sequence(
            qkv: qkv.row(row), stride: Int64(qkv.columns), queries: Int64(span.rows.count),
            past: Int64(span.start), positions: positions.baseAddress.map { $0 + row },
            pages: pages.baseAddress.map { $0 + first }, out: y.storage == .f32 ? y.row(row) : nil,
            narrow_out: y.storage == .bf16 ? y.narrow + row * y.columns : nil, out_stride: Int64(y.columns))
        }
        mk_attention_cached(
          &described, spans, Int64(spans.count), Int64(layer * pool.layerBytes), table.cosines, table.sines)
      }
    }
  }
}
