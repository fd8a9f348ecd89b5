import CKernels

// z = h·Wᵀ + b, l = z, or c·tanh(z/c) with a softcap c (Gemma Team 2024, arXiv 2408.00118, §2)
// loss = log Σ exp(l) - l[target]; dl = scale·(softmax(l) - onehot), dz = dl·(1 - (l/c)²), dh = dz·W, db = Σ dz
//
// Rows are taken in chunks, and the gradient is computed while a chunk's logits are there: `tokens × vocabulary`
// never exists.

extension Tape {
  /// Rows of logits that exist at one time: those of a large vocabulary take 64 MiB.
  private static func headChunk(_ vocabulary: Int) -> Int { max(64, min(256, (1 << 24) / vocabulary)) }

  /// The head's cross-entropy by row.
  /// - Parameters:
  ///   - h: `[labels, hidden]`, normed
  ///   - head: `[vocabulary, hidden]`
  ///   - targets: the token each row should predict
  ///   - scales: what each row's loss counts in the sum that is differentiated, such as 1/labels
  ///   - trained: what `head` was packed from, where that is a copy under training
  ///   - teachers: of the rows that learn from another model too; ascending, none twice
  ///   - bias: `[vocabulary]`, added to the logits, and what it was taken from, where that is a copy under training
  ///   - softcap: c of logits that become c·tanh(z/c); nil: they stay
  /// - Returns: the loss of each row in nats
  public func headLoss(
    _ h: Tensor, head: FrozenMatrix, targets: [Int32], scales: [Float], trained: Parameter? = nil,
    teachers: [HeadTeacher] = [], bias: (values: FrozenVector, trained: Parameter?)? = nil,
    softcap: Float? = nil
  ) throws -> [Float] {
    precondition(targets.count == h.rows && scales.count == h.rows)
    precondition(targets.allSatisfy { (0..<head.outputs).contains(Int($0)) }, "a target past the vocabulary")
    let trains = trained?.isTrainable == true || bias?.trained?.isTrainable == true
    let tracked = isRecording && (h.wantsGradient || trains)
    let back = isRecording && h.wantsGradient ? Tensor(rows: h.rows, columns: h.columns) : nil
    var losses = [Float](repeating: 0, count: h.rows)
    for (rows, teacher) in Self.chunks(of: h.rows, upTo: Self.headChunk(head.outputs), teachers) {
      let logits = Tensor(rows: rows.count, columns: head.outputs)
      try profile.measured(.head) {
        try head.multiply(h.copy(of: rows), into: logits, kernels: kernels)
        if let bias { logits.add(bias: bias.values, kernels: kernels) }
      }
      let labels = LabelChunk(
        targets: targets[rows], scales: scales[rows], softcap: softcap, isTracked: tracked, kernels: kernels)
      let taught = try profile.measured(.head) { try teacher?.logits(of: rows, kernels: kernels) }
      // In the format and the places that the product on the way back reads fastest.
      let isSpread = back != nil && trained == nil && teacher == nil && isNarrow && head.goesBackAsItLies
      let slopes = isSpread ? Tensor(rows: rows.count, columns: head.spreadOutputs, as: .bf16) : nil
      losses.replaceSubrange(
        rows,
        with: profile.measured(.loss) {
          if let teacher, let taught { return labels.distil(logits, from: taught, teacher) }
          return labels.crossEntropy(logits, slopes: slopes)
        })
      if tracked, let trained {
        try profile.measured(.weightGradient) {
          try head.gatherGradient(logits, h.copy(of: rows), into: trained, kernels: kernels)
        }
      }
      if tracked, let bias { bias.trained?.gatherColumns(slopes ?? logits, kernels: kernels) }
      guard let back else { continue }
      let part = Tensor(rows: rows.count, columns: h.columns)
      try profile.measured(.head) {
        if let slopes { return try head.multiplyTransposed(slopes, into: part, adding: []) }
        try head.multiplyTransposed(logits, into: part, kernels: kernels)
      }
      back.row(rows.lowerBound).update(from: part.data, count: part.count)
    }
    if let back, let dh = h.gradient { record { dh.accumulate(back) } }
    return losses
  }

  /// Runs of at most `limit` rows that have one teacher, or none.
  private static func chunks(
    of rows: Int, upTo limit: Int, _ teachers: [HeadTeacher]
  ) -> [(rows: Range<Int>, teacher: HeadTeacher?)] {
    var chunks: [(rows: Range<Int>, teacher: HeadTeacher?)] = []
    var start = 0
    while start < rows {
      let teacher = teachers.first { $0.rows.contains(start) }
      let next = teacher?.rows.upperBound ?? teachers.map(\.rows.lowerBound).first { $0 > start } ?? rows
      let end = min(start + limit, next, rows)
      chunks.append((start..<end, teacher))
      start = end
    }
    return chunks
  }

  /// Logits `[rows, vocabulary]`, for sampling and scoring.
  /// - Parameters:
  ///   - bias: `[vocabulary]`, added to them
  ///   - softcap: c of logits that become c·tanh(z/c); nil: they stay
  public func logits(
    _ h: Tensor, head: FrozenMatrix, bias: FrozenVector? = nil, softcap: Float? = nil
  ) throws -> Tensor {
    let logits = Tensor(rows: h.rows, columns: head.outputs)
    try head.multiply(h, into: logits, kernels: kernels)
    if let bias { logits.add(bias: bias, kernels: kernels) }
    if let softcap { logits.cap(softcap, kernels: kernels) }
    return logits
  }
}

/// The labels of a chunk of rows.
@Compute
struct LabelChunk {
  let targets: [Int32]
  let scales: [Float]
  /// c of logits that become c·tanh(z/c).
  let softcap: Float?
  /// Whether logits become their gradients.
  let isTracked: Bool
  let kernels: Kernels

  init(
    targets: ArraySlice<Int32>, scales: ArraySlice<Float>, softcap: Float?, isTracked: Bool, kernels: Kernels
  ) {
    self.targets = Array(targets)
    self.scales = Array(scales)
    self.softcap = softcap
    self.isTracked = isTracked
    self.kernels = kernels
  }

  /// - Parameter slopes: where gradients go in bf16, rows at least as long as the logits'; in place of these otherwise
  func crossEntropy(_ logits: Tensor, slopes: Tensor? = nil) -> [Float] {
    if kernels == .reference {
      let (loss, gradient) = Reference.crossEntropy(
        logits.values, targets: targets, scales: scales, softcap: softcap, columns: logits.columns)
      logits.take(gradient, accumulate: false)
      return loss
    }
    var losses = [Float](repeating: 0, count: targets.count)
    scales.withUnsafeBufferPointer {
      mk_cross_entropy(
        logits.data, targets, &losses, isTracked ? $0.baseAddress : nil, softcap ?? 0, Int64(logits.rows),
        Int64(logits.columns), slopes?.narrow, Int64(slopes?.columns ?? 0))
    }
    return losses
  }
}

extension Tensor {
  /// Values become c·tanh(value/c).
  package func cap(_ c: Float, kernels: Kernels) {
    switch kernels {
    case .fast: mk_softcap(data, c, Int64(count))
    case .reference: take(values.map { Reference.softcapped($0, c).value }, accumulate: false)
    }
  }

  /// Some rows, in the same format.
  func copy(of range: Range<Int>) -> Tensor {
    let part = Tensor(rows: range.count, columns: columns, as: storage)
    part.take(bytesFrom: address(ofRow: range.lowerBound))
    return part
  }
}

extension Reference {
  static func crossEntropy<T: ReferenceScalar>(
    _ products: [T], targets: [Int32], scales: [T], softcap: Float? = nil, columns n: Int
  ) -> (losses: [T], gradient: [T]) {
    let capped = products.map { softcapped($0, softcap) }
    let logits = capped.map(\.value)
    var gradient = logits
    let losses = targets.indices.map { row -> T in
      let z = logits[row * n..<(row + 1) * n]
      let highest = z.reduce(z[row * n]) { max($0, $1) }
      var total: T = 0
      for value in z { total += T.exp(value - highest) }
      for j in 0..<n {
        let p = T.exp(logits[row * n + j] - highest) / total
        gradient[row * n + j] =
          scales[row] * (p - (j == Int(targets[row]) ? 1 : 0)) * capped[row * n + j].slope
      }
      return T.log(total) + highest - logits[row * n + Int(targets[row])]
    }
    return (losses, gradient)
  }
}
