import CKernels

// y ← y + b for each row; db = Σ dy over rows

extension Tape {
  /// A bias, added in place.
  /// - Parameters:
  ///   - y: `[tokens, outputs]`, in f32: a fresh product that nobody else reads; its contents change
  ///   - bias: `[outputs]`
  ///   - trained: what `bias` was taken from, `[1, outputs]`, where that is a copy under training
  /// - Returns: `y`, with a place for a gradient where `trained` needs one
  public func addingBias(_ y: Tensor, _ bias: FrozenVector, trained: Parameter? = nil) -> Tensor {
    precondition(bias.values.count == y.columns && (trained?.count ?? y.columns) == y.columns)
    y.add(bias: bias, kernels: kernels)
    guard isRecording, let trained, trained.isTrainable else { return y }
    let sum = y.withPlaceForGradient
    guard let dsum = sum.gradient else { return y }
    let dy = y.gradient
    record { [kernels, profile] in
      guard let dsum = dsum.take() else { return }
      profile.measured(.weightGradient) { trained.gatherColumns(dsum, kernels: kernels) }
      dy?.accumulate(dsum)
    }
    return sum
  }
}

extension Tensor {
  /// self += b for each row.
  func add(bias: FrozenVector, kernels: Kernels) {
    switch kernels {
    case .fast: mk_add_bias(data, bias.values, Int64(rows), Int64(columns))
    case .reference: take(Reference.addingBias(values, bias.values), accumulate: false)
    }
  }
}

extension Parameter {
  /// Adds Σ dy over rows to the gradient.
  /// - Parameter dy: `[rows, columns]` in any format; rows may be longer than the parameter
  func gatherColumns(_ dy: Tensor, kernels: Kernels) {
    guard let gradient else { return }
    precondition(dy.columns >= count)
    switch kernels {
    case .fast:
      mk_column_sums(
        dy.storage == .f32 ? dy.data : nil, dy.storage == .bf16 ? dy.narrow : nil, Int64(dy.columns),
        gradient.data, Int64(dy.rows), Int64(count))
    case .reference:
      precondition(dy.columns == count)
      gradient.take(Reference.columnSums(dy.values, columns: count), accumulate: true)
    }
  }
}

extension Reference {
  static func addingBias<T: ReferenceScalar>(_ y: [T], _ bias: [T]) -> [T] {
    y.indices.map { y[$0] + bias[$0 % bias.count] }
  }

  static func columnSums<T: ReferenceScalar>(_ x: [T], columns: Int) -> [T] {
    var sums = [T](repeating: 0, count: columns)
    for index in x.indices { sums[index % columns] += x[index] }
    return sums
  }
}
