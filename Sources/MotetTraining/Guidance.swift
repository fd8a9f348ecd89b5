import MotetAdapters
import MotetModels
import MotetTensor

/// What an adapter under training has around it: the one it stands on, those it is kept apart from, and a teacher.
@Compute
struct Guidance {
  /// What its rows carry: the adapter, and those it stands on.
  let mix: BoundMix
  let teacher: BoundTeacher?
  let penalty: OrthogonalPenalty?
  /// With the adapters that it is kept apart from, before the first step.
  let overlaps: [(name: String, before: SubspaceOverlap)]

  init(_ job: TrainingJob, adapter: any TrainableAdapter, on base: BaseModel) throws {
    if let lower = job.standsOn {
      mix = try Self.mix(adapter.mix, over: lower, on: base)
    } else {
      mix = adapter.mix
    }
    if let teacher = job.teacher {
      self.teacher = try BoundTeacher(teacher)
    } else {
      teacher = nil
    }
    guard let orthogonal = job.orthogonal else {
      penalty = nil
      overlaps = []
      return
    }
    let penalty = try OrthogonalPenalty(orthogonal, on: adapter, of: base, job: job.name)
    self.penalty = orthogonal.strength > 0 ? penalty : nil
    let fresh = try adapter.weights()
    overlaps = orthogonal.adapters.compactMap { other in
      SubspaceOverlap(fresh, other.weights).map { (other.name, $0) }
    }
  }

  /// The adapter on top of one that stays as it is.
  private static func mix(_ own: BoundMix, over lower: Adapter, on base: BaseModel) throws -> BoundMix {
    let below = try Mix(lower).bound(to: base)
    // Two scalings of one site become one of fixed numbers, which would not train.
    if let site = own.scalings.keys.filter({ below.scalings[$0] != nil }).min() {
      throw MethodError.refused(
        .blend, adapter: lower.name, method: lower.weights.method.name,
        reason: "it scales \(base.sites[site].path), which the adapter on top of it would scale too")
    }
    return BoundMix([(own.parts, 1), (below.parts, 1)], sites: base.sites.count)
  }
}
