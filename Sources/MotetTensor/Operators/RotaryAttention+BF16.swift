import CKernels

// Rotary attention in bf16 with f32 sums, for whole sequences on processors with a bf16 dot-product unit and plain rules.
// The formulas stand in RotaryAttention.swift. Kept for the way back: queries, keys and values after rotation, the
// result, and log Σ exp of each query's scores.

extension Tape {
  func narrowAttention(
    _ qkv: Tensor, rule: AttentionRule, sequences: [SequenceSpan], positions: [Int32], table: RotaryTable
  ) -> Tensor {
    let shape = rule.shape
    let tracked = isRecording && qkv.wantsGradient
    let y = Tensor(rows: qkv.rows, columns: shape.queryWidth, as: .bf16, wantsGradient: tracked)
    let rotated = Tensor(rows: qkv.rows, columns: qkv.columns, as: .bf16)
    let logSums = tracked ? Tensor(rows: shape.heads, columns: qkv.rows) : nil
    let run = NarrowAttention(
      rule: rule,
      spans: sequences.map { mk_span(first: Int64($0.rows.lowerBound), rows: Int64($0.rows.count)) },
      positions: positions, table: table, rotated: rotated, out: y.withoutGradient, logSums: logSums)
    profile.measured(.attention) { run.forward(qkv) }
    guard tracked, let target = qkv.gradient, let dy = y.gradient else { return y }
    record { [profile] in
      guard let dy = dy.take()?.converted(to: .f32) else { return }
      target.accumulate(profile.measured(.attention) { run.backward(dy) })
    }
    return y
  }
}

/// What a forward pass leaves for the backward pass.
@Compute
private struct NarrowAttention {
  let rule: AttentionRule
  let spans: [mk_span]
  let positions: [Int32]
  let table: RotaryTable
  let rotated: Tensor
  let out: Tensor
  let logSums: Tensor?

  func forward(_ qkv: Tensor) {
    withBatch(backward: false) { batch, workspace in mk_attention_bf16(batch, qkv.data, workspace) }
  }

  /// - Returns: the gradient of queries, keys and values before rotation, in bf16
  func backward(_ dy: Tensor) -> Tensor {
    let back = Tensor(rows: rotated.rows, columns: rotated.columns, as: .bf16)
    withBatch(backward: true) { batch, workspace in
      mk_attention_backward_bf16(batch, dy.data, workspace, back.narrow)
    }
    return back
  }

  private func withBatch(
    backward: Bool, _ body: (UnsafePointer<mk_attention_batch>, UnsafeMutablePointer<Float>) -> Void
  ) {
    spans.withUnsafeBufferPointer { spans in
      positions.withUnsafeBufferPointer { positions in
        table.cosines.withUnsafeBufferPointer { cosines in
          table.sines.withUnsafeBufferPointer { sines in
            var batch = mk_attention_batch()
            batch.rule = rule.described
            batch.rows = Int64(rotated.rows)
            batch.spans = spans.baseAddress
            batch.count = Int64(spans.count)
            batch.positions = positions.baseAddress
            batch.cosines = cosines.baseAddress
            batch.sines = sines.baseAddress
            batch.rotated = rotated.narrow
            batch.out = out.narrow
            batch.log_sums = logSums?.data
            let workspace = Tensor(rows: 1, columns: Int(mk_attention_bf16_workspace(&batch, backward)))
            body(&batch, workspace.data)
          }
        }
      }
    }
  }
}
