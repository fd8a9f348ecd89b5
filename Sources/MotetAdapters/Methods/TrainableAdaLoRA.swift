import Foundation
import MotetModels
import MotetTensor

/// P, Λ and Q of each site under training, the importance of their ranks, and which of them are still open.
@Compute
final class TrainableAdaLoRA: TrainableAdapter {
  private struct Site {
    let path: String
    /// Q
    let loraA: Parameter
    /// P and Λ
    let factor: GatedFactor
    var parameters: [Parameter] { [loraA, factor.loraB, factor.gate] }
  }
  let mix: BoundMix
  let parameters: [Parameter]
  nonisolated let parameterCount: Int
  private let method: AdaLoRA
  private let baseModel: String
  private let scale: Float
  private let sites: [Site]
  private var allocator: RankAllocator
  /// By site and rank, once the budget's end is reached.
  private var open: [[Bool]] = []
  private var budget: RankBudget?
  private var step = 0

  init(_ starts: [String: AdaLoRAFactors], on base: BaseModel, method: AdaLoRA) {
    let rank = method.shape.rank
    let scale = Float(method.shape.alpha / (Double(rank) + 1e-5))
    var sites: [Site] = []
    let terms = base.sites.map { place -> [BoundMix.Term] in
      guard let start = starts[place.path] else { return [] }
      let site = Site(
        path: place.path,
        loraA: Parameter(rows: rank, columns: place.inputs, start.q, trainable: true),
        factor: GatedFactor(start.p, outputs: place.outputs, gate: start.values, trainsGate: true))
      sites.append(site)
      return [
        BoundMix.Term(
          loraA: site.loraA, loraB: site.factor.product, scale: scale, dropout: method.dropout)
      ]
    }
    self.method = method
    self.sites = sites
    self.scale = scale
    baseModel = base.name
    mix = BoundMix(terms: terms)
    parameters = sites.flatMap(\.parameters)
    parameterCount = parameters.reduce(0) { $0 + $1.count }
    allocator = RankAllocator(
      sites.map { site in
        [
          .init(parameter: site.factor.gate, hasRankColumns: true),
          .init(parameter: site.loraA, hasRankColumns: false),
          .init(parameter: site.factor.loraB, hasRankColumns: true),
        ]
      }, beta1: method.beta1, beta2: method.beta2)
  }

  // MARK: A step

  func beginStep(_ step: Int, of steps: Int) throws {
    self.step = step
    guard budget == nil else { return }
    let warmup = method.warmup ?? steps / 10
    let final = method.final ?? 3 * steps / 10
    guard warmup + final < steps else {
      throw MethodError.schedule(
        method: AdaLoRA.name,
        reason:
          "--tinit \(warmup) and --tfinal \(final) leave none of the run's \(steps) steps for the budget: "
          + "give fewer, or more --epochs")
    }
    budget = RankBudget(
      beginning: sites.count * method.shape.rank, target: sites.count * method.target, warmup: warmup,
      final: final, interval: method.interval, steps: steps)
  }

  func gatherGradients() {
    for site in sites {
      site.factor.gatherGradients()
      addPenalty(site.loraA, turned: false)
      addPenalty(site.factor.loraB, turned: true)
    }
    if let budget, budget.gathers(at: step + 1) { allocator.keepGradients() }
  }

  /// The gradient of γ/n·‖Q·Qᵀ − I‖ (or ‖Pᵀ·P − I‖, turned) with n matrices in all: equation 4, as PEFT averages it.
  private func addPenalty(_ parameter: Parameter, turned: Bool) {
    guard method.orthogonality > 0, let gradient = parameter.gradient else { return }
    let rank = turned ? parameter.columns : parameter.rows
    let product = Tensor(rows: rank, columns: rank)
    product.take(
      productOf: parameter.values, with: parameter.values, turningFirst: turned, turningSecond: !turned)
    for index in 0..<rank { product.row(index)[index] -= 1 }
    let norm = product.values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    guard norm > 0, norm.isFinite else { return }
    let factor = Float(method.orthogonality / Double(2 * sites.count) * 2 / norm)
    if turned {
      gradient.take(productOf: parameter.values, with: product, scale: factor, accumulate: true)
    } else {
      gradient.take(productOf: product, with: parameter.values, scale: factor, accumulate: true)
    }
  }

  func finishStep(learningRate: Double) {
    guard let budget else { return derive() }
    if budget.gathers(at: step + 1) { allocator.update() }
    switch budget.phase(after: step + 1) {
    case .gather: break
    case .shrink(let count): close(allBut: allocator.mostImportant(count))
    case .fix(let count): fix(to: count)
    // A step that was left out as a spike did not come here.
    case .keep: if open.isEmpty { fix(to: budget.target) } else { close(allBut: open) }
    }
    derive()
  }

  private func fix(to count: Int) {
    open = allocator.mostImportant(count)
    close(allBut: open)
    allocator.forget()
  }

  private func close(allBut open: [[Bool]]) {
    for (site, open) in zip(sites, open) {
      for (index, isOpen) in open.enumerated() where !isOpen { site.factor.gate.values.data[index] = 0 }
    }
  }

  func derive() { for site in sites { site.factor.derive() } }

  var isSettled: Bool { !open.isEmpty }

  // MARK: Checkpoints

  var memory: [String: [Float]] {
    var memory = allocator.memory
    for (index, open) in open.enumerated() { memory["open.\(index)"] = open.map { $0 ? 1 : 0 } }
    return memory
  }

  func restore(_ memory: [String: [Float]]) throws {
    open = sites.indices.compactMap { memory["open.\($0)"]?.map { $0 != 0 } }
    guard open.isEmpty || open.count == sites.count && open.allSatisfy({ $0.count == method.shape.rank })
    else { throw MethodError.foreignMemory("open") }
    if open.isEmpty { try allocator.restore(memory) } else { allocator.forget() }
  }

  func weights() throws -> AdapterWeights {
    var updates: [String: LowRankWeights] = [:]
    var gates: [String: [Float]] = [:]
    var factors: [String: AdaLoRAFactors] = [:]
    for site in sites {
      updates[site.path] = try LowRankWeights(
        rank: site.factor.rank, inputs: site.loraA.columns, outputs: site.factor.product.rows,
        loraA: site.loraA.values.values, loraB: site.factor.product.values.values, scale: scale,
        site: site.path)
      gates[site.path] = site.factor.gate.values.values
      factors[site.path] = AdaLoRAFactors(
        q: site.loraA.values.values, values: site.factor.gate.values.values,
        p: site.factor.loraB.values.values)
    }
    return try AdapterWeights(
      sites: updates.pruned(by: gates), baseModel: baseModel,
      content: method.savesPEFTForm ? method.content(of: factors, steps: budget?.steps) : nil)
  }
}
