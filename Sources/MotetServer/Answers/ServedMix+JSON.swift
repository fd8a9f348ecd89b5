import MotetFormats
import MotetRouting
import MotetServing

extension ServedMix {
  /// `[{"name", "version", "weight"}]`
  var json: JSONValue {
    .array(
      terms.map { term in
        .object([
          "name": .string(term.name), "version": term.version.map(JSONValue.int) ?? .null,
          "weight": .number(Double(term.weight)),
        ])
      })
  }
}

/// The `motet` object of an answer: who answered, and what it took.
struct MotetFacts {
  var mix: ServedMix
  var cachedTokens: Int
  var usage: ServingUsage?
  var route: Route?

  var json: JSONValue {
    var members: [String: JSONValue] = [
      "mix": .string(mix.description), "terms": mix.json, "cached_tokens": .int(cachedTokens),
    ]
    if let usage {
      members["queue_seconds"] = .number(usage.queueSeconds)
      members["first_token_seconds"] = .number(usage.firstTokenSeconds)
      members["seconds"] = .number(usage.seconds)
    }
    if let route { members["route"] = route.summary }
    return .object(members)
  }
}

extension Route {
  /// The shares and the mix they became.
  var summary: JSONValue {
    .object([
      "mix": .string(mixDescription), "fit": .number(fit),
      "weights": .object(
        Dictionary(
          weights.map { ($0.domain, JSONValue.number($0.weight)) }, uniquingKeysWith: { first, _ in first })),
    ])
  }
}
