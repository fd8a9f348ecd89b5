/// A domain, the adapter that serves it, and a share between 0 and 1.
public struct DomainWeight: Sendable, Codable, Equatable {
  public var domain: String
  public var adapter: String
  public var weight: Double

  public init(domain: String, adapter: String, weight: Double) {
    self.domain = domain
    self.adapter = adapter
    self.weight = weight
  }
}

/// One thing in a prompt that spoke for a domain: a word, a pattern, a distance.
public struct Evidence: Sendable, Codable, Equatable {
  public enum Kind: String, Sendable, Codable {
    /// A word of the prompt, in lower case.
    case word
    /// Two neighbouring words.
    case pair
    /// The beginning of a longer word, so that `equations` speaks for `equation`.
    case stem
    /// A shape of characters: `x²`, `9+9`, `a(`; `a` is a word, `9` a number, `x` a lone letter.
    case pattern
    /// The head's probability of a domain.
    case confidence
    /// How far the prompt lies from the middle of a domain's rows: one minus the cosine, 0 to 2.
    case distance
  }

  public var kind: Kind
  /// What was found: `quadratic`, `solve the`, `x²`; for a head the domain itself.
  public var text: String
  /// The domain it speaks for most.
  public var domain: String
  /// Lexical: share of the prompt's whole evidence, 0 to 1, that this gives to `domain`.
  /// Head: the probability or the distance itself.
  public var contribution: Double
  /// The same for every domain, in the router's order.
  public var contributions: [Double]

  public init(kind: Kind, text: String, domain: String, contribution: Double, contributions: [Double]) {
    self.kind = kind
    self.text = text
    self.domain = domain
    self.contribution = contribution
    self.contributions = contributions
  }
}

/// What a router makes of a prompt: a share for each domain, the mix that follows, and why.
///
/// ```swift
/// let route = try await router.route("Write Python code to solve quadratic equations")
/// route.mixDescription  // code=0.53+math=0.47
/// ```
public struct Route: Sendable, Codable, Equatable {
  /// A share for each domain, in the router's order, summing to 1.
  public var weights: [DomainWeight]
  /// The shares that passed the policy, renormalised, largest first; empty means the base itself.
  public var mix: [DomainWeight]
  /// How well the prompt fits what the router was trained on; negative: it fits nothing, the mix is the base.
  public var fit: Double
  /// What decided, strongest first.
  public var reason: [Evidence]

  /// Whether the prompt fits no domain, so that the base answers.
  public var isBase: Bool { mix.isEmpty }

  /// The mix in the command line's grammar: `code=0.53+math=0.47`, `math`, or `base`.
  public var mixDescription: String {
    if mix.isEmpty { return "base" }
    if mix.count == 1 { return mix[0].adapter }
    return mix.map { entry in
      let hundredths = Int((entry.weight * 100).rounded())
      return "\(entry.adapter)="
        + (hundredths == 100 ? "1" : "0." + (hundredths < 10 ? "0" : "") + "\(hundredths)")
    }.joined(separator: "+")
  }

  /// The domain with the largest share, whether or not the prompt fits; nil without domains.
  public var best: DomainWeight? {
    weights.max { $0.weight < $1.weight }
  }
}

extension Route {
  /// Applies `policy` to the shares of a prompt.
  ///
  /// - Parameters:
  ///   - shares: one number for each domain, summing to 1.
  ///   - fit: how well the prompt fits; when negative the mix is empty.
  init(
    shares: [Double], domains: [String], adapters: [String: String], policy: RoutingPolicy,
    fit: Double, reason: [Evidence]
  ) {
    let weights = zip(domains, shares).map {
      DomainWeight(domain: $0, adapter: adapters[$0] ?? $0, weight: $1)
    }
    self.weights = weights
    self.mix = fit < 0 ? [] : policy.mix(of: weights)
    self.fit = fit
    self.reason = reason
  }
}
