extension LexicalRouter {
  /// The features that speak most for a domain, strongest first, as they would stand in a prompt.
  public func strongest(for domain: String, count: Int) -> [String] {
    guard let label = domains.firstIndex(of: domain) else { return [] }
    return model.features.indices
      .map {
        (text: model.features[$0].text, weight: model.weights[$0 * model.classes + label] * model.scales[$0])
      }
      .sorted { ($0.weight, $1.text) > ($1.weight, $0.text) }
      .prefix(count).map(\.text)
  }
}
