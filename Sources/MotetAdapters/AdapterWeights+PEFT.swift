import Foundation
import MotetFormats

extension AdapterWeights {
  /// Reads an adapter's folder as PEFT writes it, of whichever method. Where a `motet.json` is beside the files, they are
  /// compared with its hashes.
  ///
  /// - Throws: `FormatError`, `AdapterWeightsError` for values that do not fit, or ``AdapterRecordError``.
  public init(peft folder: URL) throws {
    self = try WholeFolder.read(folder) {
      let weights = try Self(unchecked: folder)
      try AdapterRecord.requireUnchanged(folder)
      return weights
    }
  }

  /// Reads it without a look at `motet.json`.
  init(unchecked folder: URL) throws {
    let members = try JSONValue.object(contentsOf: folder.appending(path: "adapter_config.json"))
    if let method = AdapterMethods.stored.first(where: { $0.reads(members) }) {
      self = try method.read(PEFTFolder(folder))
      return
    }
    let (configuration, sites) = try PEFTAdapterFile.read(folder)
    try self.init(configuration: configuration, sites: sites)
  }

  /// - Throws: `FormatError` for patterns that contradict each other, `AdapterWeightsError` for values that do
  ///   not fit.
  public init(configuration: PEFTConfiguration, sites: [PEFTAdapterFile.Site]) throws {
    let weights = try sites.map { site in
      (
        site.path,
        try LowRankWeights(
          rank: site.rank, inputs: site.in, outputs: site.out, loraA: site.loraA, loraB: site.loraB,
          scale: Float(configuration.scale(at: site.path)), site: site.path)
      )
    }
    try self.init(
      sites: Dictionary(weights, uniquingKeysWith: { first, _ in first }),
      baseModel: configuration.baseModelNameOrPath, isRankStabilized: configuration.useRSLoRA)
  }

  /// What `adapter_config.json` has to say for these sites: the rank and the α of most of them, and a pattern
  /// for each of the others.
  public var configuration: PEFTConfiguration {
    let (modules, layers) = Self.targets(of: siteNames)
    return PEFTConfiguration(
      rank: rank, alpha: alpha, targetModules: .list(modules), useRSLoRA: isRankStabilized,
      rankPattern: rankPattern, alphaPattern: alphaPattern, layersToTransform: layers,
      baseModelNameOrPath: baseModel)
  }

  /// `adapter_model.safetensors` holds these, sorted by path.
  public var peftSites: [PEFTAdapterFile.Site] {
    sites.sorted { $0.key < $1.key }.map { path, site in
      PEFTAdapterFile.Site(
        path: path, rank: site.rank, in: site.inputs, out: site.outputs, loraA: site.loraA, loraB: site.loraB)
    }
  }

  /// Writes a folder with the adapter alone: whole or not at all. An adapter of Motet's that is there gives way.
  ///
  /// - Parameters:
  ///   - configuration, record: as ``write(to:configuration:record:)`` has them
  ///   - overwriting: whether one gives way
  ///   - content: writes more files into the folder, before the adapter's own
  /// - Throws: ``OwnedFolderError`` for a folder that holds anything else, or as ``write(to:configuration:record:)``
  public func save(
    to folder: URL, configuration: PEFTConfiguration? = nil, record: AdapterRecord, overwriting: Bool = true,
    content: (URL) throws -> Void = { _ in }
  ) throws {
    try OwnedFolder(folder, kind: .adapter, overwriting: overwriting).write { draft in
      try content(draft)
      try write(to: draft, configuration: configuration, record: record)
    }
  }

  /// Writes `adapter_config.json` and `adapter_model.safetensors` into a folder that is being made; ``save(to:)``
  /// replaces one that others read.
  ///
  /// - Parameters:
  ///   - configuration: what to write beside the values, such as the dropout they were trained with; nil
  ///     takes `self.configuration`.
  ///   - record: written after them as `motet.json`, with the hashes of both and a list of the files (in a
  ///     draft, of all that it holds by then); nil leaves no record, also none of what was in the folder before.
  /// - Throws: `FormatError`; `AdapterWeightsError.scaleMismatch` when the configuration would give a site
  ///   another scale than its own.
  public func write(
    to folder: URL, configuration: PEFTConfiguration? = nil, record: AdapterRecord? = nil
  ) throws {
    if let method = method as? any StoredMethod.Type {
      try method.write(self, to: folder)
      return try write(record, to: folder)
    }
    let configuration = configuration ?? self.configuration
    for (path, site) in sites.sorted(by: { $0.key < $1.key }) {
      let scale = try configuration.scale(at: path)
      guard abs(scale - Double(site.scale)) <= 1e-5 * abs(scale) else {
        throw AdapterWeightsError.scaleMismatch(
          site: path, own: Double(site.scale), configuration: scale)
      }
    }
    try PEFTAdapterFile.write(configuration, peftSites, to: folder)
    try write(record, to: folder)
  }

  private func write(_ record: AdapterRecord?, to folder: URL) throws {
    let place = folder.appendingPathComponent(AdapterRecord.fileName)
    if var record {
      try record.takeFiles(of: folder)
      try AtomicFile.write(try record.encoded(), to: place)
    } else if FileManager.default.fileExists(atPath: place.path) {
      try FileManager.default.removeItem(at: place)
    }
  }

  /// `target_modules` and `layers_to_transform` that take these sites and no others.
  ///
  /// The last words of the names (`q_proj`) with the layers, when every adapted layer has the same modules; the full names
  /// otherwise.
  static func targets(of names: [String]) -> (modules: [String], layers: [Int]?) {
    var modules: [Int: Set<String>] = [:]
    for name in names {
      let words = name.split(separator: ".")
      guard let layer = words.dropFirst().dropLast().lazy.compactMap({ Int($0) }).first else {
        return (names, nil)
      }
      modules[layer, default: []].insert(String(words[words.count - 1]))
    }
    guard Set(modules.values).count == 1, let same = modules.values.first,
      same.count * modules.count == names.count
    else { return (names, nil) }
    return (same.sorted(), modules.keys.sorted())
  }
}
