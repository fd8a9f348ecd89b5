import CKernels

// The adapted linear where the frozen matrix multiplies in bf16: inputs, kept activations and the gradient that
// goes back through W are in bf16, sums and results in f32. The formulas stand in AdaptedLinear.swift.

extension Tape {
  /// Writes the residual, x·Wᵀ and what the terms add into `y`, and remembers the way back.
  func narrowLinear(
    _ x: Tensor, _ matrix: FrozenMatrix?, terms: [LowRankTerm], forward: ForwardTerms,
    trained: Parameter?, residual: Tensor?, into y: Tensor
  ) throws {
    let input = profile.measured(.conversion) { x.converted(to: .bf16) }
    let part = matrix == nil ? OperatorProfile.Part.lowRank : .base
    let products = profile.measured(part) { NarrowTerms(terms, input: input) }
    try profile.measured(part) {
      try withExtendedLifetime(products) {
        let training = products.described(addingTo: y)
        guard let matrix else {
          if let residual { y.copy(from: residual) }
          y.add(forward, of: input, kernels: .fast)
          return mk_low_rank_forward(training, Int64(training.count))
        }
        try matrix.multiply(input, into: y, onto: residual, adding: forward, training)
      }
    }
    guard let dy = y.gradient else { return }

    let dx = x.gradient
    let inputs = x.columns
    let residualGradient = residual?.gradient
    let kept = products.forBackward
    let keptInput = trained?.isTrainable == true ? input.withoutGradient : nil
    record { [profile] in
      guard let dy = dy.take() else { return }
      let slope = profile.measured(.conversion) { dy.converted(to: .bf16) }
      let target = dx.map { _ in
        matrix == nil ? .zeros(rows: slope.rows, columns: inputs) : Tensor(rows: slope.rows, columns: inputs)
      }
      try profile.measured(part) { try kept.backward(slope, through: matrix, into: target) }
      if let matrix, let trained, let keptInput {
        try profile.measured(.weightGradient) { try matrix.gatherGradient(slope, keptInput, into: trained) }
      }
      if let target { dx?.accumulate(target) }
      residualGradient?.accumulate(dy)
    }
  }
}

/// The low-rank terms of one product with what they keep from the forward pass to the backward pass.
@Compute
private struct NarrowTerms {
  private struct Entry {
    let term: LowRankTerm
    /// The whole batch's input, or the term's own rows of it, dropped.
    let input: Tensor?
    let firstRow: Int
    /// x·Aᵀ as the kernel lays it out.
    let inner: Buffer
  }
  private var entries: [Entry]

  init(_ terms: [LowRankTerm], input: Tensor) {
    entries = terms.map { term in
      let count = Int(mk_low_rank_inner_count(Int64(term.rows.count), Int64(term.rank)))
      let inner = Buffer(bytes: count * MemoryLayout<UInt16>.stride)
      guard let dropout = term.dropout else {
        return Entry(term: term, input: input, firstRow: term.rows.lowerBound, inner: inner)
      }
      let dropped = Tensor(rows: term.rows.count, columns: input.columns, as: .bf16)
      dropout.apply(
        to: input.narrow + term.rows.lowerBound * input.columns, into: dropped.narrow, columns: input.columns)
      return Entry(term: term, input: dropped, firstRow: 0, inner: inner)
    }
  }

  /// What the way back needs: the input is kept for those terms alone whose A trains.
  var forBackward: NarrowTerms {
    var other = self
    other.entries = entries.map {
      Entry(
        term: $0.term, input: $0.term.loraA.isTrainable ? $0.input : nil, firstRow: $0.firstRow,
        inner: $0.inner)
    }
    return other
  }

  /// What they add to `y`, as the kernels know it.
  func described(addingTo y: Tensor) -> [mk_low_rank_term] {
    entries.map { entry in
      var described = describe(entry)
      described.y = y.row(entry.term.rows.lowerBound) + entry.term.columns.lowerBound
      described.y_stride = Int64(y.columns)
      return described
    }
  }

  /// Adds to each trainable A's and B's gradient; `dx` becomes dy·W, where there is a W, and what the terms add.
  func backward(_ dy: Tensor, through matrix: FrozenMatrix?, into dx: Tensor?) throws {
    var masked: [(dropout: LowRankTerm.Dropout, rows: Range<Int>, gradient: Tensor)] = []
    var inner: [Buffer] = []
    let terms = entries.map { entry -> mk_low_rank_term in
      let (rows, columns) = (entry.term.rows, entry.term.columns)
      var described = describe(entry)
      let du = Buffer(bytes: entry.inner.capacity)
      inner.append(du)
      described.du = du.pointer.assumingMemoryBound(to: UInt16.self)
      described.dy = UnsafePointer(dy.narrow + rows.lowerBound * dy.columns + columns.lowerBound)
      described.dy_stride = Int64(dy.columns)
      described.da = entry.input == nil ? nil : entry.term.loraA.gradient?.data
      described.db = entry.term.loraB.gradient?.data
      described.dx_stride = Int64(entry.term.loraA.columns)
      if let dx {
        if let dropout = entry.term.dropout {
          let own = Tensor.zeros(rows: rows.count, columns: dx.columns)
          masked.append((dropout, rows, own))
          described.dx = own.data
        } else {
          described.dx = dx.row(rows.lowerBound)
        }
      }
      return described
    }
    try withExtendedLifetime(inner) {
      guard let matrix, let dx else { return mk_low_rank_backward(terms, Int64(terms.count)) }
      try matrix.multiplyTransposed(dy, into: dx, adding: terms)
    }
    guard let dx else { return }
    for (dropout, rows, gradient) in masked {
      dropout.apply(
        to: gradient.data, into: dx.row(rows.lowerBound), columns: gradient.columns, accumulate: true)
    }
  }

  private func describe(_ entry: Entry) -> mk_low_rank_term {
    let term = entry.term
    var described = mk_low_rank_term()
    described.first_row = Int64(term.rows.lowerBound)
    described.rows = Int64(term.rows.count)
    described.inputs = Int64(term.loraA.columns)
    described.outputs = Int64(term.columns.count)
    described.rank = Int64(term.rank)
    described.scale = term.scale
    described.a = UnsafePointer(term.loraA.values.data)
    described.b = UnsafePointer(term.loraB.values.data)
    if let input = entry.input {
      described.x = UnsafePointer(input.narrow + entry.firstRow * input.columns)
      described.x_stride = Int64(input.columns)
    }
    described.u = entry.inner.pointer.assumingMemoryBound(to: UInt16.self)
    return described
  }
}
