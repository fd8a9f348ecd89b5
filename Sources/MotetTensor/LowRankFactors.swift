import CKernels

/// The factors of a low-rank update in bf16, laid out once for passes that only go forward: half the memory of those in
/// f32, and nothing to convert while tokens wait. May be made on any thread.
public final class LowRankFactors: Sendable {
  public let rank: Int
  public let inputs: Int
  public let outputs: Int
  private let reduce: Buffer
  private let expand: Buffer

  /// - Parameters:
  ///   - loraA: `[rank, inputs]`
  ///   - loraB: `[outputs, rank]`
  public init(loraA: [Float], loraB: [Float], rank: Int, inputs: Int, outputs: Int) {
    precondition(loraA.count == rank * inputs && loraB.count == outputs * rank)
    self.rank = rank
    self.inputs = inputs
    self.outputs = outputs
    var sizes: (reduce: Int64, expand: Int64) = (0, 0)
    mk_factors_sizes(Int64(inputs), Int64(outputs), Int64(rank), &sizes.reduce, &sizes.expand)
    reduce = Buffer(bytes: Int(sizes.reduce) * 4)
    expand = Buffer(bytes: Int(sizes.expand) * 4)
    mk_factors_pack(
      loraA, loraB, Int64(inputs), Int64(outputs), Int64(rank), pairs(reduce), pairs(expand))
  }

  private func pairs(_ buffer: Buffer) -> UnsafeMutablePointer<UInt32> {
    buffer.pointer.assumingMemoryBound(to: UInt32.self)
  }

  /// Bytes of memory.
  public var byteCount: Int { reduce.capacity + expand.capacity }

  /// The factors as they are multiplied, row-major, for plain loops.
  func floats() -> (loraA: [Float], loraB: [Float]) {
    /// `[rows, columns]` from pairs of columns, `[rows/16][columns/2][16]`.
    func read(_ buffer: Buffer, rows: Int, columns: Int) -> [Float] {
      (0..<rows * columns).map { index in
        let (row, column) = index.quotientAndRemainder(dividingBy: columns)
        let pair = pairs(buffer)[((row / 16) * ((columns + 1) / 2) + column / 2) * 16 + row % 16]
        return Float(bitPattern: column % 2 == 0 ? pair << 16 : pair & 0xFFFF_0000)
      }
    }
    return (read(reduce, rows: rank, columns: inputs), read(expand, rows: outputs, columns: rank))
  }

  fileprivate func described(_ term: ForwardTerm) -> mk_factors {
    mk_factors(
      first_row: Int64(term.rows.lowerBound), rows: Int64(term.rows.count),
      first_column: Int64(term.columns.lowerBound), outputs: Int64(outputs), rank: Int64(rank),
      scale: term.scale, reduce: pairs(reduce), expand: pairs(expand))
  }
}

/// What one adapter adds to one frozen matrix for a run of rows, in a pass that only goes forward.
public struct ForwardTerm {
  /// The batch's rows that carry the adapter.
  public let rows: Range<Int>
  /// The output columns it adds to.
  public let columns: Range<Int>
  public let factors: LowRankFactors
  /// α/r (or α/√r) times the weight in the mix.
  public let scale: Float

  public init(rows: Range<Int>, columns: Range<Int>, factors: LowRankFactors, scale: Float) {
    precondition(columns.count == factors.outputs)
    self.rows = rows
    self.columns = columns
    self.factors = factors
    self.scale = scale
  }

  var described: mk_factors { factors.described(self) }
}

extension Tensor {
  /// self[rows, columns] += scale·(x·Aᵀ)·Bᵀ for each term.
  /// - Parameter x: `[rows, inputs]`
  func add(_ terms: [ForwardTerm], of x: Tensor, kernels: Kernels) {
    guard !terms.isEmpty else { return }
    if kernels == .reference {
      for term in terms {
        let (loraA, loraB) = term.factors.floats()
        let (_, delta) = Reference.lowRank(
          x.slice(term.rows, columns: 0..<x.columns), a: loraA, b: loraB, scale: term.scale,
          rows: term.rows.count, inputs: x.columns, outputs: term.columns.count, rank: term.factors.rank)
        addSlice(delta, rows: term.rows, columns: term.columns)
      }
      return
    }
    let narrow = x.converted(to: .bf16)
    mk_factors_add(
      terms.map(\.described), Int64(terms.count), narrow.narrow, Int64(x.columns), data, Int64(columns))
  }
}
