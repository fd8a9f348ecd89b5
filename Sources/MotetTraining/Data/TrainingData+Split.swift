import MotetTensor

extension TrainingData {
  /// Takes a share of the rows out for validation. Duplicates of a row stay on one side, or a row would be
  /// examined that was learnt by heart.
  /// - Parameter validation: above 0 and below 1; what is taken is at most that share, rounded, and less when
  ///   duplicates do not fit
  /// - Throws: ``DatasetError/validationShare(value:)``, ``DatasetError/cannotSplit(rows:share:)``
  public func split(
    validation share: Double, seed: UInt64
  ) throws -> (training: TrainingData, validation: TrainingData) {
    guard share > 0, share < 1 else { throw DatasetError.validationShare(value: share) }
    let wanted = max(1, Int((share * Double(count)).rounded()))
    var generator = SeededGenerator(seed: seed, for: "validation")
    let sets = duplicateSets().shuffled(using: &generator)
    var isValidation = [Bool](repeating: false, count: count)
    var taken = 0
    for set in sets where taken + set.count <= wanted {
      for position in set { isValidation[Int(position)] = true }
      taken += set.count
    }
    guard taken > 0, taken < count else { throw DatasetError.cannotSplit(rows: count, share: share) }
    return (part { !isValidation[$0] }, part { isValidation[$0] })
  }

  /// How many rows stand in `other` too: examined rows that were learnt say nothing.
  public func rowsShared(with other: TrainingData) -> Int {
    let others = Set((0..<other.count).lazy.map { other.entry(at: $0).words })
    return (0..<count).lazy.filter { others.contains(self.entry(at: $0).words) }.count
  }

  /// The positions of equal rows, together; sets in the order of their first rows.
  private func duplicateSets() -> [[UInt32]] {
    var numbers: [UInt64: Int] = [:]
    var sets: [[UInt32]] = []
    for position in 0..<count {
      let words = entry(at: position).words
      if let number = numbers[words] {
        sets[number].append(UInt32(position))
      } else {
        numbers[words] = sets.count
        sets.append([UInt32(position)])
      }
    }
    return sets
  }

  private func part(_ isIn: (Int) -> Bool) -> TrainingData {
    let positions = (0..<count).filter(isIn)
    let rows = positions.map { position in selection.map { $0[position] } ?? UInt32(position) }
    var digest = RowsDigest()
    digest.add(self.digest)
    for row in rows { digest.add("\(row)") }
    return TrainingData(self, selection: rows, digest: digest.finalize())
  }
}
