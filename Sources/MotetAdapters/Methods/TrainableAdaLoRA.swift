import Foundation
import MotetModels
import MotetTensor

/// P, Λ and Q of each site under training, the importance of each of their values, and the ranks still open.
///
/// Importance follows PEFT's `RankAllocator`, as the authors' code: after a step |w·∂L/∂w| with the new w and the
/// gradient of the step is smoothed (equation 9), its uncertainty too (10); their product (11) averaged over a row of
/// Q and a column of P and added to that of Λ is a rank's (7).
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
  private var importance: [Importance]
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
    importance = parameters.map { Importance(count: $0.count) }
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
    guard let budget, step + 1 < budget.steps - budget.final else { return }
    for (index, parameter) in parameters.enumerated() { importance[index].keep(parameter) }
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
    let phase = budget.phase(after: step + 1)
    if phase == .gather || phase.isShrinking {
      for (index, parameter) in parameters.enumerated() {
        importance[index].update(parameter, beta1: Float(method.beta1), beta2: Float(method.beta2))
      }
    }
    switch phase {
    case .gather: break
    case .shrink(let count): close(allBut: count)
    case .fix(let count):
      open = close(allBut: count)
      // What led here is of no use any more.
      importance = parameters.map { _ in Importance(count: 0) }
    case .keep: closeWhatIsNotOpen()
    }
    derive()
  }

  /// Closes the least important ranks of all sites.
  /// - Returns: which stay open
  @discardableResult
  private func close(allBut count: Int) -> [[Bool]] {
    let scores = sites.indices.map(self.scores)
    let sorted = scores.flatMap { $0 }.sorted()
    let closed = sorted.count - count
    guard closed > 0 else { return scores.map { $0.map { _ in true } } }
    let threshold = sorted[closed - 1]
    let open = scores.map { $0.map { !($0 <= threshold) } }
    close(open)
    return open
  }

  private func closeWhatIsNotOpen() { if !open.isEmpty { close(open) } }

  private func close(_ open: [[Bool]]) {
    for (site, open) in zip(sites, open) {
      for (index, isOpen) in open.enumerated() where !isOpen { site.factor.gate.values.data[index] = 0 }
    }
  }

  /// Of the ranks of a site.
  private func scores(of site: Int) -> [Float] {
    let rank = method.shape.rank
    let parts = importance[3 * site..<3 * site + 3].map(\.scores)
    guard parts.allSatisfy({ !$0.isEmpty }) else { return [Float](repeating: 0, count: rank) }
    let (inputs, outputs) = (parts[0].count / rank, parts[1].count / rank)
    return (0..<rank).map { index in
      let row = parts[0][index * inputs..<(index + 1) * inputs].reduce(0, +) / Float(inputs)
      let column =
        stride(from: index, to: parts[1].count, by: rank).reduce(0) { $0 + parts[1][$1] } / Float(outputs)
      return parts[2][index] + row + column
    }
  }

  func derive() { for site in sites { site.factor.derive() } }

  // MARK: Checkpoints

  var memory: [String: [Float]] {
    var memory: [String: [Float]] = [:]
    for (index, importance) in importance.enumerated() {
      memory["sensitivity.\(index)"] = importance.sensitivity
      memory["uncertainty.\(index)"] = importance.uncertainty
    }
    for (index, open) in open.enumerated() { memory["open.\(index)"] = open.map { $0 ? 1 : 0 } }
    return memory.filter { !$0.value.isEmpty }
  }

  func restore(_ memory: [String: [Float]]) throws {
    open = sites.indices.compactMap { memory["open.\($0)"]?.map { $0 != 0 } }
    guard open.isEmpty || open.count == sites.count && open.allSatisfy({ $0.count == method.shape.rank })
    else { throw MethodError.foreignMemory("open") }
    importance = try parameters.enumerated().map { index, parameter in
      guard open.isEmpty else { return Importance(count: 0) }
      guard let sensitivity = memory["sensitivity.\(index)"], sensitivity.count == parameter.count,
        let uncertainty = memory["uncertainty.\(index)"], uncertainty.count == parameter.count
      else { throw MethodError.foreignMemory("sensitivity.\(index)") }
      return Importance(sensitivity: sensitivity, uncertainty: uncertainty)
    }
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

extension RankBudget.Phase {
  fileprivate var isShrinking: Bool { if case .shrink = self { true } else { false } }
}

/// How much the values of one parameter matter.
private struct Importance {
  var sensitivity: [Float]
  var uncertainty: [Float]
  /// The gradient of the step under way.
  private var gradient: [Float] = []

  init(count: Int) {
    sensitivity = [Float](repeating: 0, count: count)
    uncertainty = sensitivity
  }

  init(sensitivity: [Float], uncertainty: [Float]) {
    self.sensitivity = sensitivity
    self.uncertainty = uncertainty
  }

  /// The optimizer zeroes the gradient before it is asked for.
  @Compute
  mutating func keep(_ parameter: Parameter) { gradient = parameter.gradient?.values ?? [] }

  @Compute
  mutating func update(_ parameter: Parameter, beta1: Float, beta2: Float) {
    guard gradient.count == sensitivity.count else { return }
    let values = parameter.values.data
    for index in sensitivity.indices {
      let now = abs(values[index] * gradient[index])
      sensitivity[index] = beta1 * sensitivity[index] + (1 - beta1) * now
      uncertainty[index] = beta2 * uncertainty[index] + (1 - beta2) * abs(now - sensitivity[index])
    }
    gradient = []
  }

  var scores: [Float] { zip(sensitivity, uncertainty).map { $0 * $1 } }
}
