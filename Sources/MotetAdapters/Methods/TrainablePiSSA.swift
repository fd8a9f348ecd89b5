import MotetModels
import MotetTensor

/// What is added to W while A and B train, written so that nothing large cancels:
///
///     B·A − B₀·A₀ = B·(A − A₀) + (B − B₀)·A₀
///
/// The differences are small numbers, which keep their digits in bf16 where those of A would be lost beside A₀.
@Compute
final class TrainablePiSSA: TrainableAdapter {
  private struct Site {
    let path: String
    let scale: Float
    let loraA: Parameter
    let loraB: Parameter
    let startA: Parameter
    let startB: Tensor
    /// A − A₀ and B − B₀, where the pass leaves gradients.
    let changeOfA: Parameter
    let changeOfB: Parameter
  }
  let mix: BoundMix
  let parameters: [Parameter]
  nonisolated let parameterCount: Int
  private let sites: [Site]
  private nonisolated let baseModel: String

  init(_ starts: [String: LowRankWeights], on base: BaseModel) {
    var sites: [Site] = []
    let terms = base.sites.map { place -> [BoundMix.Term] in
      guard let start = starts[place.path] else { return [] }
      @Compute func a(_ values: [Float], trainable: Bool) -> Parameter {
        Parameter(rows: start.rank, columns: start.inputs, values, trainable: trainable)
      }
      @Compute func b(_ values: [Float]) -> Parameter {
        Parameter(rows: start.outputs, columns: start.rank, values, trainable: true)
      }
      let site = Site(
        path: place.path, scale: start.scale, loraA: a(start.loraA, trainable: true),
        loraB: b(start.loraB), startA: a(start.loraA, trainable: false),
        startB: Tensor(rows: start.outputs, columns: start.rank, start.loraB),
        changeOfA: a(start.loraA.map { _ in 0 }, trainable: true),
        changeOfB: b(start.loraB.map { _ in 0 }))
      sites.append(site)
      return [
        BoundMix.Term(loraA: site.changeOfA, loraB: site.loraB, scale: site.scale),
        BoundMix.Term(loraA: site.startA, loraB: site.changeOfB, scale: site.scale),
      ]
    }
    self.sites = sites
    mix = BoundMix(terms: terms)
    parameters = sites.flatMap { [$0.loraA, $0.loraB] }
    parameterCount = parameters.reduce(0) { $0 + $1.count }
    baseModel = base.name
  }

  func derive() {
    for site in sites {
      site.changeOfA.values.copy(from: site.loraA.values)
      site.changeOfA.values.add(site.startA.values, scale: -1)
      site.changeOfB.values.copy(from: site.loraB.values)
      site.changeOfB.values.add(site.startB, scale: -1)
    }
  }

  /// ∂L/∂A is that of A − A₀. B's has two parts: what met A − A₀ is there, what met A₀ comes from B − B₀.
  func gatherGradients() {
    for site in sites {
      site.changeOfA.passGradient(to: site.loraA)
      site.changeOfB.passGradient(to: site.loraB)
    }
  }

  /// `[A − A₀; A₀]` and `[B, B − B₀]`.
  func weights() throws -> AdapterWeights {
    var updates: [String: LowRankWeights] = [:]
    for site in sites {
      let (outputs, rank) = (site.loraB.rows, site.loraB.columns)
      let (b, change) = (site.loraB.values.values, site.changeOfB.values.values)
      var loraB: [Float] = []
      for first in stride(from: 0, to: b.count, by: rank) {
        loraB += b[first..<first + rank]
        loraB += change[first..<first + rank]
      }
      updates[site.path] = try LowRankWeights(
        rank: 2 * rank, inputs: site.loraA.columns, outputs: outputs,
        loraA: site.changeOfA.values.values + site.startA.values.values,
        loraB: loraB, scale: site.scale, site: site.path)
    }
    return try AdapterWeights(sites: updates, baseModel: baseModel)
  }
}

extension Parameter {
  /// Adds the gradient to another parameter's and zeroes it here.
  func passGradient(to other: Parameter) {
    guard let gradient, let target = other.gradient else { return }
    target.add(gradient)
    gradient.fill(0)
  }
}
