import CKernels
import MotetAdapters
import MotetModels
import MotetTensor

// W's own gradient G = dyᵀ·x is never computed. An adapter with B = 0 changes nothing, and has ∂L/∂B = G·Aᵀ (Hu et al.
// 2021, arXiv 2106.09685, equation 3, with scale 1): G in the directions of A's rows.

/// The directions of a probe at one site, and how what is seen in them speaks for all inputs.
struct ProbeDirections {
  /// A, `[rank, inputs]`, its rows orthonormal.
  let loraA: [Float]
  /// Of directions that are single inputs, which.
  let inputs: [Int]
  let rank: Int
  /// inputs/rank: E‖G·Aᵀ‖² times this is ‖G‖², and so for the sum over sampled columns of G.
  let weight: Double

  /// Directions drawn evenly from all of them: E[AᵀA] = (rank/inputs)·I, so that (inputs/rank)·‖G·Aᵀ‖² is unbiased for
  /// ‖G‖². Its relative variance is at most 2·(inputs − rank)/(rank·(inputs + 2)), which a G of rank 1 reaches:
  /// ‖A·g‖² is a Beta(rank/2, (inputs − rank)/2) for a unit vector g.
  static func spread(_ rank: Int, over inputs: Int, using generator: inout SeededGenerator) -> Self {
    guard rank < inputs else { return all(inputs) }
    var rows: [[Double]] = []
    while rows.count < rank {
      var row = (0..<inputs).map { _ in generator.normal() }
      // Twice is enough (Giraud et al. 2005).
      for _ in 0..<2 {
        for other in rows {
          let share = zip(row, other).reduce(0) { $0 + $1.0 * $1.1 }
          for index in row.indices { row[index] -= share * other[index] }
        }
      }
      let norm = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
      if norm > 1e-6 { rows.append(row.map { $0 / norm }) }
    }
    return ProbeDirections(
      loraA: rows.flatMap { $0.map { Float($0) } }, inputs: [], rank: rank,
      weight: Double(inputs) / Double(rank))
  }

  /// Single inputs, drawn without repetition: G·Aᵀ is columns of G itself.
  static func columns(_ rank: Int, of inputs: Int, using generator: inout SeededGenerator) -> Self {
    guard rank < inputs else { return all(inputs) }
    return single((0..<inputs).shuffled(using: &generator).prefix(rank).sorted(), of: inputs)
  }

  /// Every input by itself: G·Aᵀ is G.
  private static func all(_ inputs: Int) -> Self { single(Array(0..<inputs), of: inputs) }

  private static func single(_ chosen: [Int], of inputs: Int) -> Self {
    var loraA = [Float](repeating: 0, count: chosen.count * inputs)
    for (row, input) in chosen.enumerated() { loraA[row * inputs + input] = 1 }
    return ProbeDirections(
      loraA: loraA, inputs: chosen, rank: chosen.count, weight: Double(inputs) / Double(chosen.count))
  }
}

/// An adapter that changes nothing and shows the gradients of what it stands at.
@Compute
final class GradientProbe {
  let mix: BoundMix
  /// By place among the sites that are probed.
  private let loraB: [Parameter]

  /// - Parameters:
  ///   - loraA: of the probed sites, by path; probes may share them
  init(_ loraA: [String: Parameter], of sites: [AdapterSite], on base: BaseModel) {
    var loraB: [String: Parameter] = [:]
    for site in sites {
      guard let a = loraA[site.path] else { continue }
      loraB[site.path] = Parameter(
        rows: site.outputs, columns: a.rows, [Float](repeating: 0, count: site.outputs * a.rows),
        trainable: true)
    }
    mix = BoundMix(
      terms: base.sites.map { site in
        guard let a = loraA[site.path], let b = loraB[site.path] else { return [] }
        return [BoundMix.Term(loraA: a, loraB: b, scale: 1)]
      })
    self.loraB = sites.compactMap { loraB[$0.path] }
  }

  /// ‖G·Aᵀ‖² of each site, of all that passed since ``clear()``.
  func squaredNorms() -> [Double] {
    loraB.map { $0.gradient.map { mk_sum_of_squares($0.data, Int64($0.count)) } ?? 0 }
  }

  /// G·Aᵀ `[outputs, rank]` of a site by its place.
  func gradient(at place: Int) -> Tensor? { loraB[place].gradient }

  func clear() { for parameter in loraB { parameter.gradient?.fill(0) } }
}
