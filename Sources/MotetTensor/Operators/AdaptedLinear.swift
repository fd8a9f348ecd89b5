import CKernels

// y = residual + x·Wᵀ + Σᵢ sᵢ·(x·Aᵢᵀ)·Bᵢᵀ               Hu et al. 2021, arXiv 2106.09685, equation 3, in a mix
// u = x·Aᵀ, du = s·dy·B, dA += duᵀ·x, dB += s·dyᵀ·u, dx = dy·W + Σ du·A
//
// W is multiplied once for the whole batch. The low-rank parts are added by segment: runs of rows with one mix.
// This file is the only place where they are.

/// The low-rank part that one adapter adds to one frozen matrix for a run of rows.
public struct LowRankTerm {
  /// The batch's rows that carry the adapter.
  public let rows: Range<Int>
  /// The output columns it adds to: matrices that share an input are multiplied as one.
  public let columns: Range<Int>
  /// `[rank, inputs]`
  public let loraA: Parameter
  /// `[outputs, rank]`
  public let loraB: Parameter
  /// α/r (or α/√r) times the weight in the mix.
  public let scale: Float
  /// Drops inputs of this term while training.
  public let dropout: Dropout?

  public init(
    rows: Range<Int>, columns: Range<Int>, loraA: Parameter, loraB: Parameter, scale: Float,
    dropout: Dropout? = nil
  ) {
    self.rows = rows
    self.columns = columns
    self.loraA = loraA
    self.loraB = loraB
    self.scale = scale
    self.dropout = dropout
  }

  @Compute var isTrainable: Bool { loraA.isTrainable || loraB.isTrainable }
  var rank: Int { loraA.rows }
}

extension Tape {
  /// A frozen matrix with the low-rank parts of a batch's mixes.
  /// - Parameters:
  ///   - x: `[tokens, inputs]`
  ///   - matrix: W `[outputs, inputs]`
  ///   - terms: what the mixes add; ranges within `[tokens, outputs]`
  ///   - forward: the same of adapters that are laid out for going forward alone, on a tape that does not record
  ///   - trained: what `matrix` was packed from, where that is a copy under training
  ///   - residual: `[tokens, outputs]`, added to the result
  /// - Returns: `[tokens, outputs]`
  public func adaptedLinear(
    _ x: Tensor, _ matrix: FrozenMatrix, terms: [LowRankTerm], forward: ForwardTerms = ForwardTerms(),
    trained: Parameter? = nil, adding residual: Tensor? = nil
  ) throws -> Tensor {
    inputObserver?(matrix, x)
    return try linear(
      x, matrix, outputs: matrix.outputs, terms: terms, forward: forward, trained: trained, adding: residual)
  }

  /// The low-rank parts alone, where the frozen product is at hand.
  /// - Parameters:
  ///   - x: `[tokens, inputs]`
  ///   - y: `[tokens, outputs]`, what they are added to
  /// - Returns: `[tokens, outputs]`
  public func lowRankParts(
    _ x: Tensor, terms: [LowRankTerm], forward: ForwardTerms = ForwardTerms(), addedTo y: Tensor
  ) throws -> Tensor {
    try linear(x, nil, outputs: y.columns, terms: terms, forward: forward, trained: nil, adding: y)
  }

  private func linear(
    _ x: Tensor, _ matrix: FrozenMatrix?, outputs: Int, terms: [LowRankTerm], forward: ForwardTerms,
    trained: Parameter?, adding residual: Tensor?
  ) throws -> Tensor {
    precondition(
      forward.isEmpty || !isRecording, "what is laid out for going forward alone has no way back")
    precondition(forward.fit(rows: x.rows, columns: outputs, inputs: x.columns))
    for term in terms {
      precondition(term.rows.lowerBound >= 0 && term.rows.upperBound <= x.rows)
      precondition(term.columns.lowerBound >= 0 && term.columns.upperBound <= outputs)
      precondition(term.loraA.columns == x.columns && term.loraB.rows == term.columns.count)
      precondition(term.loraB.columns == term.rank)
      precondition(term.dropout.map { $0.rows == term.rows.count } ?? true)
    }
    let inputGradient = x.gradient
    let trains = isRecording && (terms.contains { $0.isTrainable } || trained?.isTrainable == true)
    let tracked = isRecording && (trains || x.wantsGradient || residual?.wantsGradient == true)
    let y = Tensor(rows: x.rows, columns: outputs, wantsGradient: tracked)
    if isNarrow, matrix?.precision != .f32 {
      try narrowLinear(
        x, matrix, terms: terms, forward: forward, trained: trained, residual: residual, into: y)
      return y
    }
    if let residual { y.copy(from: residual) }
    try matrix?.multiply(x, into: y, accumulate: residual != nil, adding: forward, kernels: kernels)
    if matrix == nil { y.add(forward, of: x, kernels: kernels) }
    let x = x.converted(to: .f32)
    let inner = terms.map { $0.addForward(x, to: y, kernels: kernels) }
    guard tracked, let dy = y.gradient else { return y }
    // Only an A or a W that trains needs the input again; B needs u.
    let isInputKept = terms.contains { $0.loraA.isTrainable } || trained?.isTrainable == true
    let saved = isInputKept ? Saved(x, as: storage) : nil
    let dx = inputGradient
    let inputs = x.columns
    let residualGradient = residual?.gradient
    record { [kernels] in
      guard let dy = dy.take()?.converted(to: .f32) else { return }
      let x = saved?.tensor()
      let target = try dx.map { _ in try dy.back(through: matrix, inputs: inputs, kernels: kernels) }
      for (term, u) in zip(terms, inner) {
        term.addBackward(x, u: u, dy: dy, dx: target, kernels: kernels)
      }
      if let matrix, let trained, let x {
        try matrix.gatherGradient(dy, x, into: trained, kernels: kernels)
      }
      if let target { dx?.accumulate(target) }
      residualGradient?.accumulate(dy)
    }
    return y
  }
}

extension Tensor {
  /// dy·W `[rows, inputs]`; zeros where there is no W.
  func back(through matrix: FrozenMatrix?, inputs: Int, kernels: Kernels) throws -> Tensor {
    guard let matrix else { return .zeros(rows: rows, columns: inputs) }
    let dx = Tensor(rows: rows, columns: inputs)
    try matrix.multiplyTransposed(self, into: dx, kernels: kernels)
    return dx
  }
}

extension LowRankTerm {
  /// y[rows, columns] += scale·(x·Aᵀ)·Bᵀ; returns u = x·Aᵀ `[rows, rank]`.
  @Compute
  fileprivate func addForward(_ x: Tensor, to y: Tensor, kernels: Kernels) -> Tensor {
    let m = rows.count
    let inputs = x.columns
    let u = Tensor(rows: m, columns: rank)
    let input = droppedInput(x)
    switch kernels {
    case .fast:
      mk_gemm(
        Int64(m), Int64(rank), Int64(inputs), 1, input.data, Int64(inputs), 1, loraA.values.data, 1,
        Int64(inputs), 0, u.data, Int64(rank))
      mk_gemm(
        Int64(m), Int64(columns.count), Int64(rank), scale, u.data, Int64(rank), 1, loraB.values.data, 1,
        Int64(rank), 1, y.row(rows.lowerBound) + columns.lowerBound, Int64(y.columns))
    case .reference:
      let (inner, delta) = Reference.lowRank(
        input.slice(0..<m), a: loraA.values.values, b: loraB.values.values, scale: scale, rows: m,
        inputs: inputs, outputs: columns.count, rank: rank)
      u.take(inner, accumulate: false)
      y.addSlice(delta, rows: rows, columns: columns)
    }
    return u
  }

  /// Adds to dA, dB and dx[rows].
  @Compute
  fileprivate func addBackward(_ x: Tensor?, u: Tensor, dy: Tensor, dx: Tensor?, kernels: Kernels) {
    let m = rows.count
    let inputs = loraA.columns
    let outputs = columns.count
    let slope = dy.row(rows.lowerBound) + columns.lowerBound
    let du = Tensor(rows: m, columns: rank)
    if kernels == .reference {
      let dyRows = dy.slice(rows, columns: columns)
      let back = Reference.lowRankBackward(
        x.map { droppedInput($0).slice(0..<m) }, u: u.values, dy: dyRows, a: loraA.values.values,
        b: loraB.values.values, scale: scale, rows: m, inputs: inputs, outputs: outputs, rank: rank)
      if let gradient = loraA.gradient, let da = back.da { gradient.take(da, accumulate: true) }
      loraB.gradient?.take(back.db, accumulate: true)
      if let dx { addInputGradient(Tensor(rows: m, columns: inputs, back.dx), to: dx) }
      return
    }
    mk_gemm(
      Int64(m), Int64(rank), Int64(outputs), scale, slope, Int64(dy.columns), 1, loraB.values.data,
      Int64(rank), 1, 0, du.data, Int64(rank))
    if let gradient = loraB.gradient {
      mk_gemm(
        Int64(outputs), Int64(rank), Int64(m), scale, slope, 1, Int64(dy.columns), u.data, Int64(rank), 1, 1,
        gradient.data, Int64(rank))
    }
    if let gradient = loraA.gradient, let x {
      mk_gemm(
        Int64(rank), Int64(inputs), Int64(m), 1, du.data, 1, Int64(rank), droppedInput(x).data, Int64(inputs),
        1, 1, gradient.data, Int64(inputs))
    }
    guard let dx else { return }
    let direct = dropout == nil
    let target = direct ? dx.row(rows.lowerBound) : nil
    let own = direct ? nil : Tensor(rows: m, columns: inputs)
    mk_gemm(
      Int64(m), Int64(inputs), Int64(rank), 1, du.data, Int64(rank), 1, loraA.values.data, Int64(inputs), 1,
      direct ? 1 : 0, target ?? own?.data, Int64(inputs))
    if let own { addInputGradient(own, to: dx) }
  }

  /// The rows this term sees, dropped when it trains with dropout: always from row 0 of what is returned.
  @Compute
  private func droppedInput(_ x: Tensor) -> InputRows {
    guard let dropout else { return InputRows(tensor: x, data: x.row(rows.lowerBound), columns: x.columns) }
    let dropped = Tensor(rows: rows.count, columns: x.columns)
    dropout.apply(to: x.row(rows.lowerBound), into: dropped.data, columns: x.columns, accumulate: false)
    return InputRows(tensor: dropped, data: dropped.data, columns: x.columns)
  }

  /// dx[rows] += d, through the mask the forward pass drew.
  @Compute
  private func addInputGradient(_ d: Tensor, to dx: Tensor) {
    if let dropout {
      dropout.apply(to: d.data, into: dx.row(rows.lowerBound), columns: d.columns, accumulate: true)
    } else {
      mk_add_scaled(dx.row(rows.lowerBound), d.data, 1, Int64(d.count))
    }
  }
}

/// A run of a tensor's rows; keeps the tensor alive.
@Compute
private struct InputRows {
  let tensor: Tensor
  let data: UnsafeMutablePointer<Float>
  let columns: Int

  func slice(_ rows: Range<Int>) -> [Float] {
    Array(UnsafeBufferPointer(start: data + rows.lowerBound * columns, count: rows.count * columns))
  }
}

extension Tensor {
  func slice(_ rows: Range<Int>, columns range: Range<Int>) -> [Float] {
    rows.flatMap { row in range.map { data[row * columns + $0] } }
  }

  func addSlice(_ values: [Float], rows: Range<Int>, columns range: Range<Int>) {
    for (i, row) in rows.enumerated() {
      for (j, column) in range.enumerated() {
        data[row * columns + column] += values[i * range.count + j]
      }
    }
  }
}

extension Reference {
  static func lowRank<T: ReferenceScalar>(
    _ x: [T], a: [T], b: [T], scale: T, rows: Int, inputs: Int, outputs: Int, rank: Int
  ) -> (u: [T], delta: [T]) {
    let u = product(x, a, rows: rows, outputs: rank, inputs: inputs, transposed: true)
    let delta = product(u, b, rows: rows, outputs: outputs, inputs: rank, transposed: true)
    return (u, delta.map { $0 * scale })
  }

  static func lowRankBackward<T: ReferenceScalar>(
    _ x: [T]?, u: [T], dy: [T], a: [T], b: [T], scale: T, rows: Int, inputs: Int, outputs: Int, rank: Int
  ) -> (da: [T]?, db: [T], dx: [T]) {
    let du = product(dy, b, rows: rows, outputs: rank, inputs: outputs, transposed: false).map { $0 * scale }
    let db = outer(dy, u, rows: rows, m: outputs, n: rank).map { $0 * scale }
    let da = x.map { outer(du, $0, rows: rows, m: rank, n: inputs) }
    return (da, db, product(du, a, rows: rows, outputs: inputs, inputs: rank, transposed: false))
  }
}
