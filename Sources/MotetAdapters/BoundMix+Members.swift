import MotetModels

extension BoundMix {
  /// One adapter of a mix.
  struct Member {
    let name: String
    let method: any AdapterMethod.Type
    let parts: AdapterParts
    let weight: Float
  }

  /// - Throws: ``MethodError/refused(_:adapter:method:reason:)`` for an adapter that can only be carried alone
  convenience init(_ members: [Member], on base: BaseModel) throws {
    if members.count > 1 || members.contains(where: { $0.weight != 1 }) {
      for member in members {
        guard let reason = member.method.refusals[.blend] else { continue }
        throw MethodError.refused(.blend, adapter: member.name, method: member.method.name, reason: reason)
      }
    }
    try Self.refuseCrossedScalings(members, on: base)
    self.init(members.map { (parts: $0.parts, weight: $0.weight) }, sites: base.sites.count)
  }

  /// What scales a matrix's inputs and what scales its outputs are each a change of it, but the pass multiplies by both,
  /// which is not the sum of the two.
  private static func refuseCrossedScalings(_ members: [Member], on base: BaseModel) throws {
    var first: [Int: (name: String, side: SiteScaling.Side)] = [:]
    for member in members {
      for (site, scaling) in member.parts.scalings.sorted(by: { $0.key < $1.key }) {
        guard let other = first[site] else {
          first[site] = (member.name, scaling.side)
          continue
        }
        guard other.side != scaling.side else { continue }
        let (own, others) = scaling.side == .inputs ? ("inputs", "outputs") : ("outputs", "inputs")
        throw MethodError.refused(
          .blend, adapter: member.name, method: member.method.name,
          reason:
            "it scales the \(own) of \(base.sites[site].path) where \(other.name) scales the \(others): "
            + "the two are no sum; give them rows of their own, or fuse the mix")
      }
    }
  }
}
