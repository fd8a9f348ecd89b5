/// The best adapter of a chosen rank for the weighted sum Σ wᵢsᵢ·Bᵢ·Aᵢ, in the Frobenius norm.
///
/// The sum is never formed. With the factors side by side, B `[outputs, k]` and A `[k, inputs]`, k the sum of the
/// ranks:
///
///     B = Q·R,  Aᵀ = P·S        two thin QR factorisations
///     M = R·Sᵀ = U·Σ·Vᵀ         k × k, so the singular values of B·A are those of M
///     B' = Q·U_r·√Σ_r           A' = √Σ_r⁻¹·U_rᵀ·R·A
///
/// A' follows from U alone, since U_r·U_rᵀ·M is the best approximation of M, and so neither P nor V is
/// needed. Work in f64: 2k²(outputs + inputs) for the factorisations, about 10·k³ for the small SVD.
///
/// It agrees with `add_weighted_adapter(combination_type="svd")` of PEFT 0.21, which decomposes the full
/// `[outputs, inputs]` sum and puts Σ into B alone; here each factor takes its root, so that both stay in
/// the range they had.
/// Source: Eckart and Young 1936; Golub and Van Loan, Matrix Computations, 4th edition, §2.4 and §5.2.
public struct SVDMerge: MergeMethod {
  public static let name = "svd"
  public static let title = "the best approximation of the weighted sum in a chosen rank"
  public static let source = "Eckart and Young 1936; PEFT 0.21, combination_type svd"
  public static let options: [MergeOption] = []
  public static let takesRank = true

  public init(options: [String: Double] = [:]) {}

  /// - Parameter rank: nil takes the largest rank of the updates.
  public func merge(_ updates: [WeightedUpdate], rank: Int?, site: String) throws -> LowRankWeights {
    let first = updates[0].weights
    let width = updates.reduce(0) { $0 + $1.weights.rank }
    var stackedB = ColumnMatrix(rows: first.outputs, columns: width)
    var stackedA = ColumnMatrix(rows: first.inputs, columns: width)
    var column = 0
    for update in updates {
      stackedB.setColumns(from: column, toRowMajor: update.weights.loraB, times: update.coefficient)
      stackedA.setColumns(from: column, toRows: update.weights.loraA)
      column += update.weights.rank
    }
    let b = HouseholderQR(of: stackedB)
    let a = HouseholderQR(of: stackedA)
    let upperB = b.upper()
    let svd = LeftSingularVectors(of: upperB.timesTransposed(a.upper()))

    let wanted = rank ?? updates.map(\.weights.rank).max() ?? 1
    let result = min(wanted, min(upperB.rows, min(first.inputs, width)))
    // Values below the noise of f64 carry no direction; they stay zero rather than become noise in A'.
    let noise = (svd.values.first ?? 0) * Double(width) * .ulpOfOne
    var left = ColumnMatrix(rows: first.outputs, columns: result)
    var right = ColumnMatrix(rows: width, columns: result)
    for i in 0..<result where svd.values[i] > noise {
      let root = svd.values[i].squareRoot()
      left.setColumn(i, to: svd.vectors, column: i, times: root)
      right.setColumn(i, to: upperB.transposedTimes(svd.vectors, column: i), times: 1 / root)
    }
    b.applyQ(to: &left)
    return try LowRankWeights(
      rank: result, inputs: first.inputs, outputs: first.outputs,
      loraA: stackedA.times(right).columnsAsRows(), loraB: left.rowMajor(), scale: 1, site: site)
  }
}
