import CKernels

// Each group of columns of each row: y = w·x·r, r = 1/√(mean(x²) + ε) over the group      as RMSNorm.swift has it
//
// Of each head's queries and keys (Qwen Team 2025, arXiv 2505.09388, §2; Gemma Team 2025, 2503.19786, §2), or of all
// queries and all keys (OLMo Team 2025, 2501.00656, §2.1).

/// Neighbouring groups of columns that are normed one by one, with the same weight.
public struct GroupNorm {
  /// As many groups as it holds the weight's width.
  public let columns: Range<Int>
  /// `[width]`
  public let weight: FrozenVector
  public let epsilon: Float
  /// What `weight` was taken from, `[1, width]`, where that is a copy under training.
  public let trained: Parameter?

  /// - Precondition: `columns.count` is a multiple of `weight`'s width
  public init(columns: Range<Int>, weight: FrozenVector, epsilon: Float, trained: Parameter? = nil) {
    precondition(columns.count % max(weight.values.count, 1) == 0, "columns end within a group")
    self.columns = columns
    self.weight = weight
    self.epsilon = epsilon
    self.trained = trained
  }

  var width: Int { weight.values.count }
  var groups: Int { columns.count / max(width, 1) }
}

extension Tape {
  /// RMSNorm of groups of columns of each row, in place; other columns pass as they are.
  /// - Parameters:
  ///   - x: `[tokens, columns]`, in f32: a fresh product that nobody else reads; its contents change
  ///   - norms: of columns that are apart
  /// - Returns: `[tokens, columns]`, the memory of `x`
  public func rmsNormGroups(_ x: Tensor, _ norms: [GroupNorm]) -> Tensor {
    for (index, norm) in norms.enumerated() {
      precondition(norm.columns.lowerBound >= 0 && norm.columns.upperBound <= x.columns)
      precondition(norms.prefix(index).allSatisfy { !$0.columns.overlaps(norm.columns) })
    }
    let trains = norms.contains { $0.trained?.isTrainable == true }
    let tracked = isRecording && (x.wantsGradient || trains)
    let runs = norms.map { norm in
      NormedGroups(norm, rows: x.rows, keepingIn: tracked ? (kernels == .fast ? storage : .f32) : nil)
    }
    profile.measured(.norm) { for run in runs { run.forward(x, kernels: kernels) } }
    guard tracked else { return x }
    let y = x.withPlaceForGradient
    guard let dy = y.gradient else { return x }
    let dx = x.gradient
    record { [kernels, profile] in
      guard let dy = dy.take()?.converted(to: .f32) else { return }
      if trains { profile.measured(.weightGradient) { for run in runs { run.gather(dy, kernels: kernels) } } }
      guard let dx else { return }
      profile.measured(.norm) { for run in runs { run.backward(dy, kernels: kernels) } }
      dx.accumulate(dy)
    }
    return y
  }
}

/// The groups of one norm in a batch, and what their way back needs.
@Compute
private struct NormedGroups {
  let norm: GroupNorm
  /// x before it was normed, `[rows, norm.columns.count]`
  let kept: Tensor?
  /// r of each group, `[rows, groups]`
  let inverse: Tensor?

  init(_ norm: GroupNorm, rows: Int, keepingIn storage: ActivationStorage?) {
    self.norm = norm
    kept = storage.map { Tensor(rows: rows, columns: norm.columns.count, as: $0) }
    inverse = kept.map { _ in Tensor(rows: rows, columns: norm.groups) }
  }

  func forward(_ x: Tensor, kernels: Kernels) {
    if kernels == .reference {
      let own = x.slice(0..<x.rows, columns: norm.columns)
      kept?.take(own, accumulate: false)
      return put(
        Reference.rmsNorm(own, weight: norm.weight.values, epsilon: norm.epsilon, columns: norm.width), in: x)
    }
    withDescribed(x) { mk_rms_norm_groups($0) }
  }

  /// The gradient of the result becomes that of what was normed.
  func backward(_ dy: Tensor, kernels: Kernels) {
    if kernels == .reference {
      guard let kept else { return }
      return put(
        Reference.rmsNormBackward(
          kept.values, weight: norm.weight.values, epsilon: norm.epsilon,
          dy: dy.slice(0..<dy.rows, columns: norm.columns), columns: norm.width), in: dy)
    }
    withDescribed(dy) { mk_rms_norm_groups_backward($0) }
  }

  /// Adds to the weight's gradient.
  func gather(_ dy: Tensor, kernels: Kernels) {
    guard let gradient = norm.trained?.gradient, let kept else { return }
    if kernels == .reference {
      let back = Reference.rmsNormWeightBackward(
        kept.values, epsilon: norm.epsilon, dy: dy.slice(0..<dy.rows, columns: norm.columns),
        columns: norm.width)
      return gradient.take(back, accumulate: true)
    }
    withDescribed(dy) { mk_rms_norm_groups_gradient($0, gradient.data) }
  }

  private func withDescribed(_ x: Tensor, _ body: (UnsafePointer<mk_norm_groups>) -> Void) {
    guard x.rows > 0 else { return }
    norm.weight.values.withUnsafeBufferPointer { weight in
      var described = mk_norm_groups(
        x: x.data + norm.columns.lowerBound, stride: Int64(x.columns), rows: Int64(x.rows),
        groups: Int64(norm.groups), width: Int64(norm.width), weight: weight.baseAddress,
        epsilon: norm.epsilon, inverse_rms: inverse?.data, kept: kept?.storage == .f32 ? kept?.data : nil,
        narrow_kept: kept?.storage == .bf16 ? kept?.narrow : nil, kept_stride: Int64(norm.columns.count))
      body(&described)
    }
  }

  private func put(_ values: [Float], in x: Tensor) {
    for row in 0..<x.rows {
      for (j, column) in norm.columns.enumerated() {
        x.row(row)[column] = values[row * norm.columns.count + j]
      }
    }
  }
}
