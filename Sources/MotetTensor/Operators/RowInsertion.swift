import CKernels

// y = x with the rows of a parameter put between its own; dx = dy without them, dP += dy at them
// y = x without some rows; dx = dy with zeros in their place
//
// So virtual tokens enter a batch and leave it again: those of a soft prompt among the embeddings (Lester et al. 2021,
// arXiv 2104.08691, §2), those of a prefix among the keys and values (Li and Liang 2021, arXiv 2101.00190, §4.2).

/// Rows of a parameter that are put into a batch, as virtual tokens of one sequence.
public struct RowInsertion {
  /// The row of the batch before which they come.
  public let place: Int
  /// All its rows are put in.
  public let values: Parameter
  /// The columns of ``values`` that are.
  public let source: Range<Int>
  /// The first column of the batch that takes them; the others are 0.
  public let column: Int

  public init(place: Int, values: Parameter, source: Range<Int>, column: Int = 0) {
    self.place = place
    self.values = values
    self.source = source
    self.column = column
  }

  var count: Int { values.rows }
}

extension Tape {
  /// `x` with virtual tokens in it.
  /// - Parameters:
  ///   - x: `[tokens, width]`, in f32
  ///   - insertions: by ascending place
  /// - Returns: `[tokens + inserted rows, width]`
  public func inserting(_ insertions: [RowInsertion], into x: Tensor) -> Tensor {
    for insertion in insertions {
      precondition((0...x.rows).contains(insertion.place))
      precondition(insertion.source.upperBound <= insertion.values.columns)
      precondition(insertion.column + insertion.source.count <= x.columns)
    }
    let tracked = isRecording && (x.wantsGradient || insertions.contains { $0.values.isTrainable })
    let map = RowMap(insertions.map { ($0.place, $0.count) }, rows: x.rows)
    let y = Tensor(rows: map.expanded, columns: x.columns, wantsGradient: tracked)
    for run in map.runs { y.copyRows(run.short, of: x, to: run.long) }
    for (insertion, rows) in zip(insertions, map.gaps) { insertion.write(to: y, rows) }
    guard tracked, let dy = y.gradient else { return y }
    let (dx, height) = (x.gradient, x.rows)
    record {
      guard let dy = dy.take() else { return }
      for (insertion, rows) in zip(insertions, map.gaps) { insertion.gather(dy, rows) }
      guard let dx else { return }
      let back = Tensor(rows: height, columns: dy.columns, as: dy.storage)
      for run in map.runs { back.copyRows(run.long, of: dy, to: run.short) }
      dx.accumulate(back)
    }
    return y
  }

  /// `x` without some of its rows.
  /// - Parameters:
  ///   - x: `[rows, width]`, in any format
  ///   - gaps: the rows to leave out: ranges that ascend and do not meet
  public func dropping(_ gaps: [Range<Int>], from x: Tensor) -> Tensor {
    precondition(gaps.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= x.rows })
    let map = RowMap(gaps: gaps, expanded: x.rows)
    let y = Tensor(
      rows: map.short, columns: x.columns, as: x.storage, wantsGradient: isRecording && x.wantsGradient)
    for run in map.runs { y.copyRows(run.long, of: x, to: run.short) }
    guard let dx = x.gradient, let dy = y.gradient else { return y }
    record {
      guard let dy = dy.take() else { return }
      let back = Tensor(rows: map.expanded, columns: dy.columns, as: dy.storage)
      for gap in map.gaps { back.clearRows(gap) }
      for run in map.runs { back.copyRows(run.short, of: dy, to: run.long) }
      dx.accumulate(back)
    }
    return y
  }
}

/// Where the rows of a batch stand with and without the inserted ones.
struct RowMap {
  /// Rows that stay together: their places without and with the others.
  private(set) var runs: [(short: Range<Int>, long: Range<Int>)] = []
  /// The inserted rows.
  private(set) var gaps: [Range<Int>] = []
  let short: Int
  let expanded: Int

  init(_ insertions: [(place: Int, count: Int)], rows: Int) {
    var (from, shift) = (0, 0)
    for (place, count) in insertions {
      precondition(place >= from, "insertions ascend")
      if place > from { runs.append((from..<place, from + shift..<place + shift)) }
      gaps.append(place + shift..<place + shift + count)
      (from, shift) = (place, shift + count)
    }
    if rows > from { runs.append((from..<rows, from + shift..<rows + shift)) }
    (short, expanded) = (rows, rows + shift)
  }

  init(gaps: [Range<Int>], expanded: Int) {
    let dropped = gaps.reduce(0) { $0 + $1.count }
    var shift = 0
    self.init(
      gaps.map { gap in
        defer { shift += gap.count }
        return (gap.lowerBound - shift, gap.count)
      }, rows: expanded - dropped)
  }
}

extension RowInsertion {
  @Compute
  fileprivate func write(to y: Tensor, _ rows: Range<Int>) {
    y.clearRows(rows)
    for (index, row) in rows.enumerated() {
      (y.row(row) + column).update(
        from: values.values.row(index) + source.lowerBound, count: source.count)
    }
  }

  /// dP += dy at the inserted rows.
  @Compute
  fileprivate func gather(_ dy: Tensor, _ rows: Range<Int>) {
    guard let gradient = values.gradient else { return }
    let own = Tensor(rows: rows.count, columns: dy.columns, as: dy.storage)
    own.copyRows(rows, of: dy, to: 0..<rows.count)
    let wide = own.converted(to: .f32)
    for index in 0..<rows.count {
      mk_add_scaled(
        gradient.row(index) + source.lowerBound, wide.row(index) + column, 1, Int64(source.count))
    }
  }
}

extension Reference {
  /// `x` `[rows, columns]` with the rows of `values` before each of `places`.
  static func inserting<T: ReferenceScalar>(_ values: [T], at places: [Int], into x: [T], columns: Int) -> [T]
  {
    var y: [T] = []
    for row in 0...x.count / columns {
      for _ in places.filter({ $0 == row }) { y += values }
      if row < x.count / columns { y += x[row * columns..<(row + 1) * columns] }
    }
    return y
  }

  /// dx and the gradient of `values`.
  static func insertingBackward<T: ReferenceScalar>(
    dy: [T], at places: [Int], count: Int, columns: Int
  ) -> (dx: [T], dvalues: [T]) {
    var dx: [T] = []
    var dvalues = [T](repeating: 0, count: count * columns)
    var (place, row) = (0, 0)
    let rows = dy.count / columns - places.count * count
    while row < dy.count / columns {
      if places.contains(place) {
        for _ in places.filter({ $0 == place }) {
          for i in 0..<count * columns { dvalues[i] += dy[row * columns + i] }
          row += count
        }
      }
      if place < rows { dx += dy[row * columns..<(row + 1) * columns] }
      (place, row) = (place + 1, row + 1)
    }
    return (dx, dvalues)
  }
}
