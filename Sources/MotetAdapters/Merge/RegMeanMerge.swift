import Foundation
import MotetModels
import MotetTensor

/// The adapter that does on each domain's own inputs what that domain's adapter does there.
///
///     ΔW = argmin Σᵢ ‖(ΔW - wᵢ·ΔWᵢ)·Xᵢᵀ‖² = (Σᵢ wᵢ·ΔWᵢ·Gᵢ)·(Σᵢ Gᵢ)⁻¹      Gᵢ = Xᵢᵀ·Xᵢ
///
/// Xᵢ are the inputs of the site while rows of domain i pass under adapter i. Adding updates up (`linear`, `cat`,
/// `svd`) lets each act on the others' inputs too; this keeps it where it was trained.
///
/// With ΔWᵢ = sᵢ·Bᵢ·Aᵢ only A changes, into Aᵢ·Gᵢ·(Σ Gⱼ + λI)⁻¹ (`InputFit`), so the sum stays low-rank and is
/// then cut to the wanted rank as `svd` does.
/// Source: Jin et al. 2023, arXiv:2212.09849, equation 2 (RegMean), for low-rank updates.
public struct RegMeanMerge: MergeMethod {
  public static let name = "regmean"
  public static let title = "fits each update to its own domain's inputs first; needs --data for each adapter"
  public static let source = "Jin et al. 2023, arXiv 2212.09849"
  public static let options: [MergeOption] = []
  public static let takesRank = true
  public static let needsInputs = true

  public init(options: [String: Double] = [:]) {}

  /// - Parameter updates: already fitted
  public func merge(_ updates: [WeightedUpdate], rank: Int?, site: String) throws -> LowRankWeights {
    try SVDMerge().merge(updates, rank: rank, site: site)
  }
}

/// Fits updates to the inputs they were trained for, which `regmean` then merges.
public enum InputFit {
  /// λ as a share of the mean of the diagonal of Σ Gⱼ.
  static let ridge = 1e-4
  /// Layers measured at a time: what bounds the memory, about 30 MB a layer at a width of 576.
  static let layersAtATime = 6

  /// An adapter with its weight and rows (token sequences) of what it was trained for.
  public struct Term: Sendable {
    public let adapter: Adapter
    public let weight: Float
    public let rows: [[Int32]]

    public init(adapter: Adapter, weight: Float, rows: [[Int32]]) {
      self.adapter = adapter
      self.weight = weight
      self.rows = rows
    }
  }

  /// - Parameter onLayers: told how many layers are done
  /// - Returns: the adapters with Aᵢ·Gᵢ·(Σ Gⱼ + λI)⁻¹ in place of Aᵢ, and their weights
  /// - Throws: `MergeError.noInputs` for an adapter without rows, a cancellation
  @Compute
  public static func fit(
    _ terms: [Term], on base: BaseModel, onLayers: (Int) -> Void = { _ in }
  ) async throws -> [(adapter: AdapterWeights, weight: Float)] {
    for term in terms where term.rows.allSatisfy(\.isEmpty) {
      throw MergeError.noInputs(method: RegMeanMerge.name, adapter: term.adapter.name)
    }
    var fitted = terms.map { _ in [String: LowRankWeights]() }
    let layers = base.configuration.layers
    for first in stride(from: 0, to: layers, by: layersAtATime) {
      let range = first..<min(layers, first + layersAtATime)
      var total: [String: InputMoment] = [:]
      var products = terms.map { _ in [String: [Float]]() }
      for (index, term) in terms.enumerated() {
        let mix = try Mix(term.adapter).bound(to: base)
        let moments = try await base.inputMoments(
          of: term.rows.filter { !$0.isEmpty }, mix: mix, layers: range)
        for (path, moment) in moments {
          if let update = term.adapter.weights.sites[path] {
            products[index][path] = moment.product(update.loraA)
          }
        }
        total = total.isEmpty ? moments : add(moments, to: total)
      }
      for (moment, paths) in sharing(total) {
        // One factorisation serves every site and adapter behind this input.
        let parts = terms.indices.flatMap { index in
          paths.compactMap { path in products[index][path].map { (index: index, path: path, product: $0) } }
        }
        let solved = try moment.solve(parts.flatMap(\.product), ridge: ridge)
        var offset = 0
        for part in parts {
          guard let update = terms[part.index].adapter.weights.sites[part.path] else { continue }
          fitted[part.index][part.path] = try LowRankWeights(
            rank: update.rank, inputs: update.inputs, outputs: update.outputs,
            loraA: Array(solved[offset..<offset + part.product.count]), loraB: update.loraB,
            scale: update.scale, site: part.path)
          offset += part.product.count
        }
      }
      BufferPool.trim()
      onLayers(range.upperBound)
    }
    return try zip(terms, fitted).map { term, sites in
      (try AdapterWeights(sites: sites, baseModel: term.adapter.weights.baseModel), term.weight)
    }
  }

  /// Each moment once, with the sites that share it.
  private static func sharing(
    _ moments: [String: InputMoment]
  ) -> [(moment: InputMoment, paths: [String])] {
    Dictionary(grouping: moments.sorted { $0.key < $1.key }) { ObjectIdentifier($0.value) }
      .values.map { (moment: $0[0].value, paths: $0.map(\.key)) }
      .sorted { $0.paths[0] < $1.paths[0] }
  }

  @Compute
  private static func add(
    _ moments: [String: InputMoment], to total: [String: InputMoment]
  ) -> [String: InputMoment] {
    for (moment, paths) in sharing(moments) { total[paths[0]]?.add(moment) }
    return total
  }
}
