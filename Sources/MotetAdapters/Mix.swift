import MotetModels
import MotetTensor

/// A weighted set of adapters; empty, it is the base itself.
///
///     let mix: Mix = [code: 0.5, math: 0.4]
public struct Mix: Sendable, Hashable, ExpressibleByDictionaryLiteral, CustomStringConvertible {
  public struct Term: Sendable, Hashable {
    public let adapter: Adapter
    public let weight: Float
  }

  public let terms: [Term]

  public static let base = Mix([])

  public init(_ terms: [(adapter: Adapter, weight: Float)]) {
    self.terms = terms.map { Term(adapter: $0.adapter, weight: $0.weight) }
  }

  public init(dictionaryLiteral elements: (Adapter, Float)...) {
    self.init(elements.map { (adapter: $0.0, weight: $0.1) })
  }

  public init(_ adapter: Adapter) { self.init([(adapter, 1)]) }

  /// As it would be written on the command line: `code=0.5+math=0.4`, `math`, `base`.
  public var description: String {
    if terms.isEmpty { return "base" }
    if terms.count == 1, terms[0].weight == 1 { return terms[0].adapter.name }
    return terms.map { "\($0.adapter.name)=\(($0.weight * 1000).rounded() / 1000)" }.joined(separator: "+")
  }

  /// With the adapters that its own stand on, each with the weight of the one above it.
  public var expanded: Mix {
    Mix(terms.flatMap { term in term.adapter.chain.map { (adapter: $0, weight: term.weight) } })
  }

  /// The mix in place for `base`; rows that should stand in one segment carry the same result.
  /// - Throws: ``MethodError/refused(_:adapter:method:reason:)`` for an adapter that can only be carried alone
  @Compute
  public func bound(to base: BaseModel) throws -> BoundMix {
    guard !terms.isEmpty else { return .base }
    return try expanded.boundAsItIs(to: base)
  }

  /// The same for passes that only go forward, which read less memory then.
  @Compute
  public func boundForAnswers(to base: BaseModel) throws -> BoundMix {
    guard !terms.isEmpty else { return .base }
    return try BoundMix(terms.map { ($0.adapter.prepared(for: base), $0.weight) }, to: base)
  }

  /// Without the adapters that its own stand on.
  @Compute
  private func boundAsItIs(to base: BaseModel) throws -> BoundMix {
    try BoundMix(
      terms.map { term in
        BoundMix.Member(
          name: term.adapter.name, method: term.adapter.weights.method,
          parts: try term.adapter.parts(on: base),
          weight: term.weight)
      }, on: base)
  }

  /// - Throws: ``MethodError/refused(_:adapter:method:reason:)`` when one of its adapters cannot do it
  public func require(_ ability: Ability) throws { for term in terms { try term.adapter.require(ability) } }
}

extension MixSpecification {
  /// Loads the adapters a specification names.
  public func load(
    for base: BaseModel, from library: AdapterLibrary, force: Bool = false, loaded: [String: Adapter] = [:]
  ) throws -> Mix {
    var cache = loaded
    return Mix(
      try terms.map { term in
        let folder = try term.adapter.folder(in: library)
        if let known = cache[folder.path] { return (known, term.weight) }
        let adapter = try Adapter.load(
          folder, name: term.adapter.description, for: base, force: force, library: library)
        cache[folder.path] = adapter
        return (adapter, term.weight)
      })
  }
}
