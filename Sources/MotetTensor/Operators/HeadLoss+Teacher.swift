import CKernels

// loss = (1-w)·(log Σ exp(z) - z[target]) + w·T²·KL(softmax(t/T) ‖ softmax(z/T))
// dz = scale·((1-w)·(softmax(z) - onehot) + w·T·(softmax(z/T) - softmax(t/T)))    each after its own head's softcap
//                                                        Hinton et al. 2015, arXiv 1503.02531, section 2

/// What a run of a head's rows learns from another model, beside their labels.
public struct HeadTeacher {
  /// Of the head's rows.
  public let rows: Range<Int>
  /// The teacher's hidden states for them, `[rows, hidden]`, normed.
  let states: Tensor
  /// `[vocabulary, hidden]`, of the same vocabulary.
  let head: FrozenMatrix
  /// Divides the logits of both.
  let temperature: Float
  /// The teacher's share of the loss.
  let weight: Float
  /// `[vocabulary]`, of the teacher's head.
  let bias: FrozenVector?
  /// c of the teacher's logits, which become c·tanh(z/c).
  let softcap: Float?

  /// - Parameters:
  ///   - bias: `[vocabulary]`, of the teacher's head
  ///   - softcap: of the teacher's logits
  public init(
    rows: Range<Int>, states: Tensor, head: FrozenMatrix, temperature: Float, weight: Float,
    bias: FrozenVector? = nil, softcap: Float? = nil
  ) {
    precondition(states.rows == rows.count && states.columns == head.inputs)
    self.bias = bias
    self.softcap = softcap
    self.rows = rows
    self.states = states
    self.head = head
    self.temperature = temperature
    self.weight = weight
  }

  /// The same for rows that begin at another place.
  public func moved(to first: Int) -> HeadTeacher {
    HeadTeacher(
      rows: first..<first + rows.count, states: states, head: head, temperature: temperature, weight: weight,
      bias: bias, softcap: softcap)
  }

  /// Logits `[part, vocabulary]` for a part of the rows.
  @Compute
  func logits(of part: Range<Int>, kernels: Kernels) throws -> Tensor {
    let logits = Tensor(rows: part.count, columns: head.outputs)
    let own = part.lowerBound - rows.lowerBound..<part.upperBound - rows.lowerBound
    try head.multiply(states.copy(of: own), into: logits, kernels: kernels)
    if let bias { logits.add(bias: bias, kernels: kernels) }
    if let softcap { logits.cap(softcap, kernels: kernels) }
    return logits
  }
}

extension LabelChunk {
  /// - Parameter taught: the teacher's logits, which are overwritten
  func distil(_ logits: Tensor, from taught: Tensor, _ teacher: HeadTeacher) -> [Float] {
    if kernels == .reference {
      let (loss, gradient) = Reference.distillation(
        logits.values, taught: taught.values, targets: targets, scales: scales, softcap: softcap,
        temperature: teacher.temperature, weight: teacher.weight, columns: logits.columns)
      logits.take(gradient, accumulate: false)
      return loss
    }
    var losses = [Float](repeating: 0, count: targets.count)
    scales.withUnsafeBufferPointer {
      mk_distillation(
        logits.data, taught.data, targets, &losses, isTracked ? $0.baseAddress : nil, softcap ?? 0,
        teacher.temperature, teacher.weight, Int64(logits.rows), Int64(logits.columns))
    }
    return losses
  }
}

extension Reference {
  static func distillation<T: ReferenceScalar>(
    _ products: [T], taught: [T], targets: [Int32], scales: [T], softcap: Float? = nil, temperature: T,
    weight: T, columns n: Int
  ) -> (losses: [T], gradient: [T]) {
    var (losses, gradient) = crossEntropy(
      products, targets: targets, scales: scales, softcap: softcap, columns: n)
    let capped = products.map { softcapped($0, softcap) }
    let logits = capped.map(\.value)
    for row in targets.indices {
      let own = logProbabilities(logits[row * n..<(row + 1) * n].map { $0 / temperature })
      let teacher = logProbabilities(taught[row * n..<(row + 1) * n].map { $0 / temperature })
      var divergence: T = 0
      for j in 0..<n {
        let (p, q) = (T.exp(teacher[j]), T.exp(own[j]))
        divergence += p * (teacher[j] - own[j])
        let hard = gradient[row * n + j]
        gradient[row * n + j] =
          (1 - weight) * hard + scales[row] * weight * temperature * (q - p) * capped[row * n + j].slope
      }
      losses[row] = (1 - weight) * losses[row] + weight * temperature * temperature * divergence
    }
    return (losses, gradient)
  }

  private static func logProbabilities<T: ReferenceScalar>(_ z: [T]) -> [T] {
    let highest = z.reduce(z[0]) { max($0, $1) }
    let total = z.reduce(0) { $0 + T.exp($1 - highest) }
    return z.map { $0 - highest - T.log(total) }
  }
}
