import MotetModels
import MotetTensor

/// LoRA that loses ranks while it trains.
///
/// A rank whose row of A and column of B are both zero adds nothing and has no gradient: closing it is setting both to
/// zero, and setting them so again after each step, because an optimizer moves by what it remembers too.
@Compute
final class TrainableShrinkingLoRA: TrainableAdapter {
  private let whole: TrainableLoRA
  private let schedule: RankSchedule
  private let method: String
  private let shapes: [(path: String, loraA: Parameter, loraB: Parameter)]
  private var allocator: RankAllocator
  /// By site and rank.
  private var open: [[Bool]]
  private var budget: RankBudget?
  private var step = 0

  init(
    _ weights: AdapterWeights, on base: BaseModel, dropout: Float, rateOfB: Double, schedule: RankSchedule,
    method: String
  ) {
    whole = TrainableLoRA(weights, on: base, dropout: dropout, rateOfB: rateOfB)
    self.schedule = schedule
    self.method = method
    parameterCount = whole.parameterCount
    let adapted = zip(base.sites, whole.mix.terms).compactMap { site, terms in
      terms.first.map { (site.path, $0.loraA, $0.loraB) }
    }
    shapes = adapted
    allocator = RankAllocator(
      adapted.map { _, a, b in
        [.init(parameter: a, hasRankColumns: false), .init(parameter: b, hasRankColumns: true)]
      })
    open = adapted.map { _, a, _ in [Bool](repeating: true, count: a.rows) }
  }

  nonisolated let parameterCount: Int
  var mix: BoundMix { whole.mix }
  var parameters: [Parameter] { whole.parameters }

  // MARK: A step

  func beginStep(_ step: Int, of steps: Int) throws {
    self.step = step
    guard budget == nil else { return }
    budget = try schedule.budget(
      ranks: open.reduce(0) { $0 + $1.count }, sites: open.count, steps: steps, method: method)
  }

  func gatherGradients() {
    if let budget, budget.gathers(at: step + 1) { allocator.keepGradients() }
  }

  func finishStep(learningRate: Double) {
    guard let budget else { return }
    if budget.gathers(at: step + 1) { allocator.update() }
    switch budget.phase(after: step + 1) {
    case .gather: break
    case .shrink(let count): shrink(to: count)
    // A step that was left out as a spike does not come here: what was due then is done after the next one.
    case .fix(let count): fix(to: count)
    case .keep: if !allocator.hasForgotten { fix(to: budget.target) }
    }
    clearWhatIsClosed()
  }

  private var ranks: Int { open.reduce(0) { $0 + $1.count { $0 } } }

  private func shrink(to count: Int) {
    if ranks > count { open = allocator.mostImportant(count, among: open) }
  }

  private func fix(to count: Int) {
    shrink(to: count)
    allocator.forget()
  }

  private func clearWhatIsClosed() {
    for (shape, open) in zip(shapes, open) {
      for (rank, isOpen) in open.enumerated() where !isOpen {
        shape.loraA.values.row(rank).update(repeating: 0, count: shape.loraA.columns)
        for row in 0..<shape.loraB.rows { shape.loraB.values.row(row)[rank] = 0 }
      }
    }
  }

  var isSettled: Bool { allocator.hasForgotten }

  // MARK: Checkpoints

  var memory: [String: [Float]] {
    var memory = allocator.memory
    for (index, open) in open.enumerated() { memory["open.\(index)"] = open.map { $0 ? 1 : 0 } }
    return memory
  }

  func restore(_ memory: [String: [Float]]) throws {
    open = try open.enumerated().map { index, ranks in
      guard let saved = memory["open.\(index)"], saved.count == ranks.count else {
        throw MethodError.foreignMemory("open.\(index)")
      }
      return saved.map { $0 != 0 }
    }
    if ranks == open.count * schedule.last, memory["sensitivity.0"] == nil {
      allocator.forget()
    } else {
      try allocator.restore(memory)
    }
  }

  /// Without the ranks that are closed: those of the weights at hand, which may be of another step than the last.
  func weights() throws -> AdapterWeights {
    let all = try whole.weights()
    let gates = all.sites.mapValues { site in
      (0..<site.rank).map { rank -> Float in
        site.loraA[rank * site.inputs..<(rank + 1) * site.inputs].allSatisfy { $0 == 0 } ? 0 : 1
      }
    }
    return try AdapterWeights(
      sites: all.sites.pruned(by: gates), baseModel: all.baseModel,
      isRankStabilized: all.isRankStabilized)
  }
}
