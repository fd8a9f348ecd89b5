import CKernels

// y_t += s·Σ_{e among the K of t} g_te·B_e·A_e·x_t,   l = x·Rᵀ, g = softmax of l over its K largest
//                   (Shazeer et al. 2017, arXiv 1701.06538, equations 1 to 5 without noise; experts of low rank as in
//                    Zadouri et al. 2023, arXiv 2309.05444)
// h = dy·B_e, dg = s·h·u, du = s·g·h, dA_e += duᵀ·x, dB_e += s·dyᵀ·(g·u), dx += du·A_e
// dl = g·(dg − Σ g·dg), dR += dlᵀ·x, dx += dl·R
//
// The balance of the load, N·Σ_e f_e·P_e (Fedus et al. 2022, arXiv 2101.03961, equations 4 to 6): f is the share of the
// choices that fell on e, constant on the way back, P the mean of softmax(l) over all experts. Its gradient moves the
// router alone and is gathered apart, as a sum over tokens: its mean is that of a step, however many passes it takes.
//
// Only chosen experts are computed: the rows of each are gathered, multiplied as one and added back.

/// The experts of one site: N adapters of low rank and the router that chooses among them.
@Compute
public final class LowRankExperts {
  /// N
  public let count: Int
  /// Of each.
  public let rank: Int
  /// K, how many a token goes through.
  public let top: Int
  /// s
  public let scale: Float
  /// R `[N, inputs]`
  public let router: Parameter
  /// `[N·rank, inputs]`, one expert after the other
  public let loraA: Parameter
  /// `[N·outputs, rank]`, one expert after the other
  public let loraB: Parameter
  /// Of the balance, summed over tokens, `[N, inputs]`; nil where nothing trains.
  public let balanceGradient: Tensor?
  /// Tokens in ``balanceGradient``.
  public var balanceTokens = 0
  /// The choices that fell on each expert on training's ways back.
  public var load: [Int]

  public init(
    count: Int, top: Int, scale: Float, router: Parameter, loraA: Parameter, loraB: Parameter
  ) {
    precondition(count > 0 && (1...count).contains(top) && router.rows == count)
    precondition(loraA.rows % count == 0 && loraB.rows % count == 0 && loraB.columns == loraA.rows / count)
    self.count = count
    self.top = top
    self.scale = scale
    self.router = router
    self.loraA = loraA
    self.loraB = loraB
    rank = loraB.columns
    balanceGradient = router.isTrainable ? .zeros(rows: count, columns: router.columns) : nil
    load = [Int](repeating: 0, count: count)
  }

  public var inputs: Int { router.columns }
  public var outputs: Int { loraB.rows / count }
  public var isTrainable: Bool { router.isTrainable || loraA.isTrainable || loraB.isTrainable }

  fileprivate var shape: Reference.ExpertShape {
    Reference.ExpertShape(count: count, rank: rank, top: top, inputs: inputs, outputs: outputs)
  }
}

/// The experts that a run of rows goes through.
public struct ExpertTerm {
  public let rows: Range<Int>
  /// The output columns they add to.
  public let columns: Range<Int>
  public let experts: LowRankExperts

  public init(rows: Range<Int>, columns: Range<Int>, experts: LowRankExperts) {
    self.rows = rows
    self.columns = columns
    self.experts = experts
  }
}

extension Tape {
  /// What experts add to a frozen product.
  /// - Parameters:
  ///   - x: `[tokens, inputs]`
  ///   - y: `[tokens, outputs]`, what they are added to
  /// - Returns: `[tokens, outputs]`
  public func expertParts(_ x: Tensor, terms: [ExpertTerm], addedTo y: Tensor) -> Tensor {
    let trains = isRecording && terms.contains { $0.experts.isTrainable }
    let tracked = isRecording && (trains || x.wantsGradient || y.wantsGradient)
    let sum = Tensor(rows: y.rows, columns: y.columns, wantsGradient: tracked)
    sum.copy(from: y)
    let wide = x.converted(to: .f32)
    let passes = terms.map {
      ExpertPass($0, wide, storage: kernels == .fast ? storage : .f32, kernels: kernels)
    }
    for pass in passes { pass.forward(wide, into: sum) }
    guard tracked, let dsum = sum.gradient else { return sum }
    let (dx, dy, inputs) = (x.gradient, y.gradient, x.columns)
    record {
      guard let slope = dsum.take()?.converted(to: .f32) else { return }
      let target = dx == nil ? nil : Tensor.zeros(rows: slope.rows, columns: inputs)
      for pass in passes { pass.backward(slope, into: target) }
      if let target { dx?.accumulate(target) }
      dy?.accumulate(slope)
    }
    return sum
  }
}

/// A run of rows on its way through its experts and back.
@Compute
private final class ExpertPass {
  private struct Choice {
    /// Rows of the run that go through the expert, with what each counts.
    var rows: [Int] = []
    var gates: [Float] = []
    /// x·Aᵀ of them.
    var inner: Tensor?
  }
  private let term: ExpertTerm
  private let kernels: Kernels
  /// x `[rows, inputs]` of the run.
  private let input: Tensor
  /// l `[rows, N]`
  private let logits: Tensor
  private var choices: [Choice]

  private var experts: LowRankExperts { term.experts }

  init(_ term: ExpertTerm, _ x: Tensor, storage: ActivationStorage, kernels: Kernels) {
    let experts = term.experts
    precondition(x.columns == experts.inputs && term.columns.count == experts.outputs)
    self.term = term
    self.kernels = kernels
    let own = Tensor(rows: term.rows.count, columns: x.columns)
    own.data.update(from: x.row(term.rows.lowerBound), count: own.count)
    input = own.converted(to: storage)
    logits = Tensor(rows: own.rows, columns: experts.count)
    switch kernels {
    case .fast:
      mk_gemm(
        Int64(own.rows), Int64(experts.count), Int64(own.columns), 1, own.data, Int64(own.columns), 1,
        experts.router.values.data, 1, Int64(own.columns), 0, logits.data, Int64(experts.count))
    case .reference:
      logits.take(
        Reference.product(
          own.values, experts.router.values.values, rows: own.rows, outputs: experts.count,
          inputs: own.columns,
          transposed: true), accumulate: false)
    }
    choices = Array(repeating: Choice(), count: experts.count)
    for row in 0..<own.rows {
      let own = UnsafeBufferPointer(start: logits.row(row), count: experts.count)
      for (expert, gate) in Reference.gates(Array(own), top: experts.top) {
        choices[expert].rows.append(row)
        choices[expert].gates.append(gate)
      }
    }
  }

  /// Adds to the run's rows and the term's columns of `y`.
  func forward(_ x: Tensor, into y: Tensor) {
    let first = term.rows.lowerBound
    if kernels == .reference {
      let part = Reference.experts(
        input.values, router: experts.router.values.values, a: experts.loraA.values.values,
        b: experts.loraB.values.values, scale: experts.scale, shape: experts.shape)
      return y.addSlice(part, rows: term.rows, columns: term.columns)
    }
    let (inputs, outputs, rank) = (experts.inputs, experts.outputs, experts.rank)
    for index in choices.indices where !choices[index].rows.isEmpty {
      let choice = choices[index]
      let rows = Tensor(rows: choice.rows.count, columns: inputs)
      for (place, row) in choice.rows.enumerated() {
        rows.row(place).update(from: x.row(first + row), count: inputs)
      }
      let inner = Tensor(rows: rows.rows, columns: rank)
      mk_gemm(
        Int64(rows.rows), Int64(rank), Int64(inputs), 1, rows.data, Int64(inputs), 1,
        experts.loraA.values.row(index * rank), 1, Int64(inputs), 0, inner.data, Int64(rank))
      choices[index].inner = inner
      let gated = inner.gated(choice.gates)
      let part = Tensor(rows: rows.rows, columns: outputs)
      mk_gemm(
        Int64(rows.rows), Int64(outputs), Int64(rank), experts.scale, gated.data, Int64(rank), 1,
        experts.loraB.values.row(index * outputs), 1, Int64(rank), 0, part.data, Int64(outputs))
      for (place, row) in choice.rows.enumerated() {
        mk_add_scaled(y.row(first + row) + term.columns.lowerBound, part.row(place), 1, Int64(outputs))
      }
    }
  }

  /// Adds to the experts' and the router's gradients, and to the run's rows of `dx`.
  func backward(_ dy: Tensor, into dx: Tensor?) {
    let x = input.converted(to: .f32)
    if experts.isTrainable { gatherBalance(x) }
    if kernels == .reference {
      let back = Reference.expertsBackward(
        x.values, router: experts.router.values.values, a: experts.loraA.values.values,
        b: experts.loraB.values.values, dy: dy.slice(term.rows, columns: term.columns), scale: experts.scale,
        shape: experts.shape)
      experts.router.gradient?.take(back.drouter, accumulate: true)
      experts.loraA.gradient?.take(back.da, accumulate: true)
      experts.loraB.gradient?.take(back.db, accumulate: true)
      dx?.addSlice(back.dx, rows: term.rows, columns: 0..<experts.inputs)
      return
    }
    let gateSlopes = Tensor.zeros(rows: x.rows, columns: experts.count)
    for (index, choice) in choices.enumerated() where !choice.rows.isEmpty {
      backward(index, choice, x, dy, into: dx, gateSlopes)
    }
    backThroughRouter(x, gateSlopes, into: dx)
  }

  private func backward(
    _ index: Int, _ choice: Choice, _ x: Tensor, _ dy: Tensor, into dx: Tensor?, _ gateSlopes: Tensor
  ) {
    guard let inner = choice.inner else { return }
    let (inputs, outputs, rank) = (experts.inputs, experts.outputs, experts.rank)
    let (first, count) = (term.rows.lowerBound, choice.rows.count)
    let slope = Tensor(rows: count, columns: outputs)
    let rows = Tensor(rows: count, columns: inputs)
    for (place, row) in choice.rows.enumerated() {
      slope.row(place).update(from: dy.row(first + row) + term.columns.lowerBound, count: outputs)
      rows.row(place).update(from: x.row(row), count: inputs)
    }
    // s·dy·B: what gates and inner values have of the slope.
    let back = Tensor(rows: count, columns: rank)
    mk_gemm(
      Int64(count), Int64(rank), Int64(outputs), experts.scale, slope.data, Int64(outputs), 1,
      experts.loraB.values.row(index * outputs), Int64(rank), 1, 0, back.data, Int64(rank))
    for (place, row) in choice.rows.enumerated() {
      var sum: Float = 0
      for k in 0..<rank { sum += back.row(place)[k] * inner.row(place)[k] }
      gateSlopes.row(row)[index] = sum
    }
    let innerSlope = back.gated(choice.gates)
    if let gradient = experts.loraB.gradient {
      mk_gemm(
        Int64(outputs), Int64(rank), Int64(count), experts.scale, slope.data, 1, Int64(outputs),
        inner.gated(choice.gates).data, Int64(rank), 1, 1, gradient.row(index * outputs), Int64(rank))
    }
    if let gradient = experts.loraA.gradient {
      mk_gemm(
        Int64(rank), Int64(inputs), Int64(count), 1, innerSlope.data, 1, Int64(rank), rows.data,
        Int64(inputs), 1,
        1, gradient.row(index * rank), Int64(inputs))
    }
    guard let dx else { return }
    // The gathered rows are no longer needed.
    mk_gemm(
      Int64(count), Int64(inputs), Int64(rank), 1, innerSlope.data, Int64(rank), 1,
      experts.loraA.values.row(index * rank), Int64(inputs), 1, 0, rows.data, Int64(inputs))
    for (place, row) in choice.rows.enumerated() {
      mk_add_scaled(dx.row(first + row), rows.row(place), 1, Int64(inputs))
    }
  }

  private func backThroughRouter(_ x: Tensor, _ gateSlopes: Tensor, into dx: Tensor?) {
    let slopes = Tensor.zeros(rows: x.rows, columns: experts.count)
    var means = [Float](repeating: 0, count: x.rows)
    for (index, choice) in choices.enumerated() {
      for (row, gate) in zip(choice.rows, choice.gates) { means[row] += gate * gateSlopes.row(row)[index] }
    }
    for (index, choice) in choices.enumerated() {
      for (row, gate) in zip(choice.rows, choice.gates) {
        slopes.row(row)[index] = gate * (gateSlopes.row(row)[index] - means[row])
      }
    }
    let (rows, inputs, count) = (Int64(x.rows), Int64(x.columns), Int64(experts.count))
    if let gradient = experts.router.gradient { addOuter(slopes, x, to: gradient) }
    guard let dx else { return }
    mk_gemm(
      rows, inputs, count, 1, slopes.data, count, 1, experts.router.values.data, inputs, 1, 1,
      dx.row(term.rows.lowerBound), inputs)
  }

  /// The load of this run, and the balance's gradient of it, summed over its tokens.
  private func gatherBalance(_ x: Tensor) {
    for (index, choice) in choices.enumerated() { experts.load[index] += choice.rows.count }
    guard let gradient = experts.balanceGradient else { return }
    let shares = choices.map { Float($0.rows.count) / Float(x.rows * experts.top) }
    let slopes = Reference.balanceSlopes(logits.values, shares: shares)
    addOuter(Tensor(rows: x.rows, columns: experts.count, slopes), x, to: gradient)
    experts.balanceTokens += x.rows
  }

  /// c += aᵀ·x for `[rows, N]` and `[rows, inputs]`.
  private func addOuter(_ a: Tensor, _ x: Tensor, to c: Tensor) {
    mk_gemm(
      Int64(a.columns), Int64(x.columns), Int64(x.rows), 1, a.data, 1, Int64(a.columns), x.data,
      Int64(x.columns), 1, 1, c.data, Int64(x.columns))
  }
}

extension Tensor {
  /// Each row times its gate.
  fileprivate func gated(_ gates: [Float]) -> Tensor {
    let result = Tensor(rows: rows, columns: columns)
    for (index, gate) in gates.enumerated() {
      for k in 0..<columns { result.row(index)[k] = gate * row(index)[k] }
    }
    return result
  }
}
