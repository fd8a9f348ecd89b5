import MotetFormats
import MotetModels

/// Whether what an adapter changes is there in a base.
struct AdapterFit {
  let name: String
  let base: BaseModel
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
    let own: (outputs: Int, inputs: Int)
    if path == AdapterWeights.head {
      own = (base.configuration.vocabulary, base.configuration.hiddenSize)
    } else if let site = sites[path] {
      own = (site.outputs, site.inputs)
    } else {
      throw misfit("it adapts \(path), which the base does not have")
    }
    guard inputs == own.inputs, outputs == own.outputs else {
      throw misfit(
        "\(path) is [\(own.outputs), \(own.inputs)] in the base and [\(outputs), \(inputs)] in the adapter")
    }
  }

  /// - Parameters:
  ///   - present: the modules that the adapter has tensors for
  ///   - isOurs: whether it has a record: Motet once left `layers_to_transform` out for the first layers of a base
  /// - Throws: ``ModelError/adapterMisfit(adapter:base:reason:)`` when its configuration takes a module of the base that
  ///   it has no tensors for
  func check(_ selection: ModuleSelection?, present: Set<String>, isOurs: Bool) throws {
    let last = base.sites.last { present.contains($0.path) }?.layer ?? 0
    let model = base.sites.filter { !isOurs || $0.layer <= last }
    guard let missing = selection?.missing(of: model.map(\.path), present: present) else { return }
    throw misfit("its target_modules take \(missing), and it has no tensors for that module")
  }
}
