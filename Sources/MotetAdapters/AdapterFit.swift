import MotetModels

/// Whether what an adapter changes is there in a base.
struct AdapterFit {
  private let name: String
  private let base: BaseModel
  private let sites: [String: AdapterSite]

  /// - Parameter name: of the adapter, for errors
  init(name: String, base: BaseModel) {
    self.name = name
    self.base = base
    sites = Dictionary(base.sites.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
  }

  func misfit(_ reason: String) -> ModelError {
    .adapterMisfit(adapter: name, base: base.name, reason: reason)
  }

  /// - Parameter identity: the base that the adapter's record names
  /// - Throws: ``ModelError/adapterMismatch(adapter:base:reason:)``
  func check(_ identity: BaseIdentity?) throws {
    if let reason = identity?.mismatch(with: base.identity) {
      throw ModelError.adapterMismatch(adapter: name, base: base.name, reason: reason)
    }
  }

  /// - Throws: ``ModelError/adapterMisfit(adapter:base:reason:)``
  func check(_ path: String, inputs: Int, outputs: Int) throws {
    guard let site = sites[path] else { throw misfit("it adapts \(path), which the base does not have") }
    guard inputs == site.inputs, outputs == site.outputs else {
      throw misfit(
        "\(path) is [\(site.outputs), \(site.inputs)] in the base and [\(outputs), \(inputs)] in the adapter")
    }
  }
}
