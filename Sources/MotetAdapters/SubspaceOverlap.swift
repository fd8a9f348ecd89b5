/// How much of what one adapter reads of its inputs another reads too.
///
/// An update B·A reads its input through the rows of A alone. For orthonormal bases Q₁ and Q₂ of two row spaces,
/// ‖Q₁ᵀQ₂‖²/min(r₁, r₂) is 0 when they are orthogonal and 1 when one lies within the other; two random ones of ranks
/// r₁ and r₂ among d inputs have max(r₁, r₂)/d.
public struct SubspaceOverlap: Sendable, Equatable, Codable {
  /// The mean over the sites that both adapt.
  public var value: Double
  /// What random subspaces of these ranks would have.
  public var chance: Double

  /// nil when no site is in both.
  public init?(_ a: AdapterWeights, _ b: AdapterWeights) {
    let shared = a.sites.keys.filter { b.sites[$0] != nil }.sorted()
    var (sum, chance, count) = (0.0, 0.0, 0.0)
    for path in shared {
      guard let one = a.sites[path], let other = b.sites[path], one.inputs == other.inputs else { continue }
      sum += Self.overlap(one, other)
      chance += min(1, Double(max(one.rank, other.rank)) / Double(one.inputs))
      count += 1
    }
    guard count > 0 else { return nil }
    value = sum / count
    self.chance = chance / count
  }

  private static func overlap(_ a: LowRankWeights, _ b: LowRankWeights) -> Double {
    let (one, other) = (basis(a), basis(b))
    let sum = (0..<other.columns).reduce(0.0) { sum, column in
      one.transposedTimes(other, column: column).reduce(sum) { $0 + $1 * $1 }
    }
    return sum / Double(min(one.columns, other.columns))
  }

  /// An orthonormal basis of the row space of A, `[inputs, rank]`.
  private static func basis(_ weights: LowRankWeights) -> ColumnMatrix {
    var rows = ColumnMatrix(rows: weights.inputs, columns: weights.rank)
    rows.setColumns(from: 0, toRows: weights.loraA)
    var basis = ColumnMatrix(rows: weights.inputs, columns: min(weights.rank, weights.inputs))
    for column in 0..<basis.columns { basis.values[column * basis.rows + column] = 1 }
    HouseholderQR(of: rows).applyQ(to: &basis)
    return basis
  }
}
