import CKernels
import MotetAdapters
import MotetModels
import MotetTensor

/// Keeps the input subspace of a new adapter apart from those of others, so that learning the one forgets less of the
/// rest: λ·Σ ‖A·Aₜᵀ‖² over sites and older adapters t (O-LoRA, Wang et al. 2023, arXiv 2310.14152, equations 6 to 8).
@Compute
public final class OrthogonalPenalty {
  public struct Options: Sendable {
    public var adapters: [Adapter]
    /// λ; the paper's is 0.5. With 0 nothing is kept apart, and the overlap is reported all the same: trained beside one
    /// that is, it shows what the penalty does.
    public var strength: Double

    public init(_ adapters: [Adapter], strength: Double = 0.5) {
      self.adapters = adapters
      self.strength = strength
    }

    var settings: [String: String] {
      let names = adapters.map { "\($0.name) \($0.record?.weightsHash ?? "")".trimmed }
      return ["orthogonal-to": names.joined(separator: ", "), "orthogonal-strength": "\(strength)"]
    }

    /// - Throws: ``TrainingError``, `MethodError`
    func validate(job: String, method: any AdapterMethod.Type) throws {
      guard strength >= 0, strength.isFinite else {
        throw TrainingError.option(
          name: "orthogonal-strength", value: "\(strength)",
          mend: "give a number such as 0.5, or 0 to measure alone")
      }
      for adapter in adapters where adapter.weights.sites.isEmpty {
        throw TrainingError.noSubspace(job: job, adapter: adapter.name, method: adapter.weights.method.name)
      }
    }
  }

  private struct Site {
    /// `[rank, inputs]`, under training.
    let own: Parameter
    /// The A of all older adapters below one another, `[ranks, inputs]`.
    let others: Tensor
  }

  private let sites: [Site]
  private let strength: Float

  /// - Throws: ``TrainingError/sharesNoSite(job:)`` when the adapter trains no A where the others have one
  init(_ options: Options, on adapter: any TrainableAdapter, of base: BaseModel, job: String) throws {
    strength = Float(options.strength)
    sites = zip(base.sites, adapter.mix.terms).flatMap { site, terms -> [Site] in
      let updates = options.adapters.compactMap { $0.weights.sites[site.path] }
      guard !updates.isEmpty else { return [] }
      let others = Tensor(
        rows: updates.reduce(0) { $0 + $1.rank }, columns: site.inputs, updates.flatMap(\.loraA))
      return terms.filter { $0.loraA.gradient != nil }.map { Site(own: $0.loraA, others: others) }
    }
    guard !sites.isEmpty else { throw TrainingError.sharesNoSite(job: job) }
  }

  /// Adds its gradient to that of each A.
  /// - Returns: λ·Σ ‖A·Aₜᵀ‖²
  func gather() -> Double {
    var sum = 0.0
    for site in sites {
      guard let gradient = site.own.gradient else { continue }
      let (r, t, d) = (Int64(site.own.rows), Int64(site.others.rows), Int64(site.own.columns))
      let product = Tensor(rows: site.own.rows, columns: site.others.rows)
      mk_gemm(r, t, d, 1, site.own.values.data, d, 1, site.others.data, 1, d, 0, product.data, t)
      mk_gemm(r, d, t, 2 * strength, product.data, t, 1, site.others.data, d, 1, 1, gradient.data, d)
      sum += mk_sum_of_squares(product.data, Int64(product.count))
    }
    return Double(strength) * sum
  }
}

extension String {
  fileprivate var trimmed: String { hasSuffix(" ") ? String(dropLast()) : self }
}
