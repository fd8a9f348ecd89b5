import CKernels

extension LowRankTerm {
  /// What is dropped of a term's inputs while it trains (Srivastava et al. 2014, JMLR 15: what stays is scaled by
  /// 1/(1 − rate)).
  ///
  /// Each sequence draws from its own seed and by the place in it, so that it loses the same values whichever
  /// sequences share the pass with it.
  public struct Dropout: Sendable {
    public let rate: Float
    /// The term's rows in order: how many of them are one sequence, and what its mask is drawn from.
    public let sequences: [(rows: Int, seed: UInt64)]

    public init(rate: Float, sequences: [(rows: Int, seed: UInt64)]) {
      self.rate = rate
      self.sequences = sequences
    }

    /// The rows of all sequences: those of the term.
    var rows: Int { sequences.reduce(0) { $0 + $1.rows } }

    /// y = mask(x), or y += mask(x); both `[rows, columns]`.
    func apply(
      to x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, columns: Int, accumulate: Bool
    ) {
      forEach { first, rows, seed in
        mk_dropout(
          x + first * columns, y + first * columns, Int64(rows), Int64(columns), rate, seed, accumulate)
      }
    }

    /// The same in bf16.
    func apply(to x: UnsafePointer<UInt16>, into y: UnsafeMutablePointer<UInt16>, columns: Int) {
      forEach { first, rows, seed in
        mk_dropout_bf16(x + first * columns, y + first * columns, Int64(rows), Int64(columns), rate, seed)
      }
    }

    private func forEach(_ body: (_ first: Int, _ rows: Int, _ seed: UInt64) -> Void) {
      var first = 0
      for sequence in sequences {
        body(first, sequence.rows, sequence.seed)
        first += sequence.rows
      }
    }
  }
}
