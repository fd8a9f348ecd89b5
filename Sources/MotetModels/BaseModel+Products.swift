import MotetTensor

// What follows from frozen matrices alone, for methods whose parameters are measured against them.

extension BaseModel {
  /// ‖W_j‖² of each row of a site's matrix as it is held; summed once.
  public func squaredRowNorms(at site: Int) -> [Float] {
    if let known = rowNorms[site] { return known }
    guard let group = group(of: site) else { return [] }
    let values = group.matrix.floats()
    let inputs = group.matrix.inputs
    for member in group.members {
      rowNorms[member.index] = member.columns.map { row in
        var sum = 0.0
        for value in values[row * inputs..<(row + 1) * inputs] { sum += Double(value) * Double(value) }
        return Float(sum)
      }
    }
    return rowNorms[site] ?? []
  }

  /// x·Wᵀ for rows that each site has of its own: sites that share an input are multiplied as one.
  /// - Parameter rows: by place in ``sites``, `[rows, inputs]`
  /// - Returns: the same by place, `[rows, outputs]`
  public func products(of rows: [Int: Tensor]) throws -> [Int: Tensor] {
    var result: [Int: Tensor] = [:]
    for group in layers.flatMap(\.groups) {
      let members = group.members.compactMap { member in rows[member.index].map { (member, $0) } }
      if members.isEmpty { continue }
      let x = Tensor(rows: members.reduce(0) { $0 + $1.1.rows }, columns: group.matrix.inputs)
      var first = 0
      for (_, own) in members {
        x.row(first).update(from: own.data, count: own.count)
        first += own.rows
      }
      let y = Tensor(rows: x.rows, columns: group.matrix.outputs)
      try group.matrix.multiply(x, into: y)
      first = 0
      for (member, own) in members {
        let product = Tensor(rows: own.rows, columns: member.columns.count)
        for row in 0..<own.rows {
          product.row(row).update(
            from: y.row(first + row) + member.columns.lowerBound, count: member.columns.count)
        }
        result[member.index] = product
        first += own.rows
      }
    }
    return result
  }

  private func group(of site: Int) -> SiteGroup? {
    layers.lazy.flatMap(\.groups).first { $0.members.contains { $0.index == site } }
  }
}
