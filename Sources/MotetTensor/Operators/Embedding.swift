import CKernels

// x = s·E[token] + Σ E′[row]: dE[token] += s·dx, dE′[row] += dx

/// Rows of one more table that are added to a batch's embeddings: learned positions, or token types.
public struct AddedEmbedding {
  /// `[rows, hidden]`
  public let table: FrozenTable
  /// Which row each token gets.
  public let rows: [Int32]
  /// What `table` was made from, where that is a copy under training.
  public let trained: Parameter?

  public init(table: FrozenTable, rows: [Int32], trained: Parameter? = nil) {
    self.table = table
    self.rows = rows
    self.trained = trained
  }
}

extension Tape {
  /// The embeddings of tokens.
  /// - Parameters:
  ///   - table: `[vocabulary, hidden]`
  ///   - trained: what `table` was made from, where that is a copy under training
  ///   - scale: multiplies the tokens' rows, before others are added
  ///   - others: what is added to them, of tables as wide
  /// - Returns: `[tokens.count, hidden]` in f32
  public func embedded(
    _ tokens: [Int32], in table: FrozenTable, trained: Parameter? = nil, scale: Float = 1,
    adding others: [AddedEmbedding] = []
  ) -> Tensor {
    precondition(others.allSatisfy { $0.rows.count == tokens.count && $0.table.columns == table.columns })
    let found = table.lookUp(tokens)
    if scale != 1 { mk_scale(found.data, scale, found.data, Int64(found.count)) }
    for other in others { found.add(other.table.lookUp(other.rows)) }
    let parts = ([(trained, tokens, scale)] + others.map { ($0.trained, $0.rows, 1) })
      .compactMap { part in part.0?.isTrainable == true ? (part.0, part.1, part.2) : nil }
    guard isRecording, !parts.isEmpty else { return found }
    let y = found.withPlaceForGradient
    if let dy = y.gradient {
      record {
        guard let dy = dy.take()?.converted(to: .f32) else { return }
        for (trained, rows, scale) in parts { trained?.gatherRows(dy, at: rows, scale: scale) }
      }
    }
    return y
  }
}

extension Parameter {
  /// Adds to the gradient of a table the rows that were looked up.
  func gatherRows(_ dy: Tensor, at indices: [Int32], scale: Float = 1) {
    guard let gradient else { return }
    precondition(dy.rows == indices.count && dy.columns == columns)
    for (row, index) in indices.enumerated() {
      mk_add_scaled(gradient.row(Int(index)), dy.row(row), scale, Int64(columns))
    }
  }
}
