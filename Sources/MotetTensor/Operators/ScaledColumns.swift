import CKernels

// y = c ⊙ x + residual for a run of rows                (Liu et al. 2022, arXiv 2205.05638, §3.3, where x is a key, a
//                                                         value or the inner activation of the feed-forward block)
// dx = c ⊙ dy, dc += Σ_rows dy ⊙ x
//
// Rows of the batch that no run names pass as they are.

/// What the columns of a run of rows are multiplied by.
public struct ColumnScaling {
  public let rows: Range<Int>
  public let columns: Range<Int>
  /// c `[1, columns]`
  public let factors: Parameter

  public init(rows: Range<Int>, columns: Range<Int>, factors: Parameter) {
    self.rows = rows
    self.columns = columns
    self.factors = factors
  }
}

extension Tape {
  /// Columns times factors, by runs of rows.
  /// - Parameters:
  ///   - x: `[tokens, columns]`
  ///   - scalings: runs that are equal or apart; of one run, columns that are apart
  ///   - residual: `[tokens, columns]`, added to the result
  /// - Returns: `[tokens, columns]` in f32
  public func scaledColumns(_ x: Tensor, _ scalings: [ColumnScaling], adding residual: Tensor? = nil)
    -> Tensor
  {
    let runs = ScaledRun.runs(scalings, of: x)
    let trains = isRecording && scalings.contains { $0.factors.isTrainable }
    let tracked = isRecording && (trains || x.wantsGradient || residual?.wantsGradient == true)
    let y = Tensor(rows: x.rows, columns: x.columns, wantsGradient: tracked)
    let wide = x.converted(to: .f32)
    for run in runs { run.forward(wide, residual: residual, into: y, kernels: kernels) }
    guard tracked, let dy = y.gradient else { return y }
    let kept = runs.map { run in
      trains && run.trains ? run.saved(wide, as: kernels == .fast ? storage : .f32) : nil
    }
    let dx = x.gradient
    let residualGradient = residual?.gradient
    record { [kernels] in
      guard let dy = dy.take()?.converted(to: .f32) else { return }
      for (run, kept) in zip(runs, kept) {
        if let kept { run.gatherGradients(dy, kept, kernels: kernels) }
      }
      if let dx {
        let back = Tensor(rows: dy.rows, columns: dy.columns)
        for run in runs { run.forward(dy, residual: nil, into: back, kernels: kernels) }
        dx.accumulate(back)
      }
      residualGradient?.accumulate(dy)
    }
    return y
  }
}

/// Rows with the same factors, over all columns.
@Compute
private struct ScaledRun {
  let rows: Range<Int>
  /// One for each column; ones where nothing is scaled.
  let factors: Tensor
  let scalings: [ColumnScaling]

  var trains: Bool { scalings.contains { $0.factors.isTrainable } }

  /// All rows of `x`, in order.
  static func runs(_ scalings: [ColumnScaling], of x: Tensor) -> [ScaledRun] {
    var result: [ScaledRun] = []
    var next = 0
    for (rows, members) in Dictionary(grouping: scalings, by: \.rows).sorted(by: {
      $0.key.lowerBound < $1.key.lowerBound
    }) {
      precondition(rows.lowerBound >= next && rows.upperBound <= x.rows, "runs of rows overlap")
      if rows.lowerBound > next { result.append(ScaledRun(next..<rows.lowerBound, [], columns: x.columns)) }
      result.append(ScaledRun(rows, members, columns: x.columns))
      next = rows.upperBound
    }
    if next < x.rows { result.append(ScaledRun(next..<x.rows, [], columns: x.columns)) }
    return result
  }

  private init(_ rows: Range<Int>, _ scalings: [ColumnScaling], columns: Int) {
    self.rows = rows
    self.scalings = scalings
    factors = Tensor(rows: 1, columns: columns)
    factors.fill(1)
    for scaling in scalings {
      precondition(scaling.columns.upperBound <= columns && scaling.factors.count == scaling.columns.count)
      (factors.data + scaling.columns.lowerBound).update(
        from: scaling.factors.values.data, count: scaling.columns.count)
    }
  }

  func forward(_ x: Tensor, residual: Tensor?, into y: Tensor, kernels: Kernels) {
    let first = rows.lowerBound
    switch kernels {
    case .fast:
      mk_scale_columns(
        x.row(first), factors.data, residual?.row(first), y.row(first), Int64(rows.count), Int64(x.columns))
    case .reference:
      let all = 0..<x.columns
      var values = Reference.scaledColumns(x.slice(rows, columns: all), factors: factors.values)
      if let residual { values = zip(values, residual.slice(rows, columns: all)).map { $0 + $1 } }
      for (index, value) in values.enumerated() { y.row(first)[index] = value }
    }
  }

  /// Its rows of x, for the way back.
  func saved(_ x: Tensor, as storage: ActivationStorage) -> Tensor {
    let own = Tensor(rows: rows.count, columns: x.columns, as: storage)
    switch storage {
    case .f32: own.data.update(from: x.row(rows.lowerBound), count: own.count)
    case .bf16: mk_to_bf16(x.row(rows.lowerBound), own.narrow, Int64(own.count))
    }
    return own
  }

  /// Adds to the factors' gradients.
  func gatherGradients(_ dy: Tensor, _ x: Tensor, kernels: Kernels) {
    let sums = Tensor.zeros(rows: 1, columns: x.columns)
    switch kernels {
    case .fast:
      let narrow = x.storage == .bf16 ? x.narrow : nil
      mk_scale_columns_gradient(
        dy.row(rows.lowerBound), narrow == nil ? x.data : nil, narrow, sums.data, Int64(x.rows),
        Int64(x.columns))
    case .reference:
      let slope = dy.slice(rows, columns: 0..<dy.columns)
      sums.take(
        Reference.scaledColumnsBackward(x.values, factors: factors.values, dy: slope).dc, accumulate: false)
    }
    for scaling in scalings {
      guard let gradient = scaling.factors.gradient else { continue }
      for (index, column) in scaling.columns.enumerated() { gradient.data[index] += sums.data[column] }
    }
  }
}

extension Reference {
  /// c ⊙ x for x `[rows, columns]` and c `[columns]`.
  static func scaledColumns<T: ReferenceScalar>(_ x: [T], factors c: [T]) -> [T] {
    x.indices.map { c[$0 % c.count] * x[$0] }
  }

  static func scaledColumnsBackward<T: ReferenceScalar>(_ x: [T], factors c: [T], dy: [T]) -> (
    dx: [T], dc: [T]
  ) {
    var dc = [T](repeating: 0, count: c.count)
    for index in x.indices { dc[index % c.count] += dy[index] * x[index] }
    return (scaledColumns(dy, factors: c), dc)
  }
}
