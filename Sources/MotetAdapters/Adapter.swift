import Foundation
import MotetFormats
import MotetModels
import MotetTensor

/// A loaded adapter, checked against its base.
///
///     let code = try Adapter.load("adapters/code", for: base)
///     let mix: Mix = [code: 0.5, math: 0.4]
///
/// Two adapters are equal when they are the same object: what a name stands for may change while a row still
/// uses the version it began with.
public final class Adapter: Sendable, Hashable, CustomStringConvertible {
  public let name: String
  public let weights: AdapterWeights
  public let record: AdapterRecord?
  /// The adapter below it, which rows that carry this one carry too.
  public let standsOn: Adapter?
  /// What was decided while it was read and the user may not expect, a line each.
  public let notes: [String]
  @Compute private weak var bound: BaseModel?
  @Compute private var parts: AdapterParts?
  @Compute private var ready: (base: WeakBase, adapter: PreparedAdapter)?

  private struct WeakBase {
    weak var base: BaseModel?
  }

  public init(
    name: String, weights: AdapterWeights, record: AdapterRecord? = nil, standsOn: Adapter? = nil,
    notes: [String] = []
  ) {
    self.notes = notes
    self.standsOn = standsOn
    self.name = name
    self.weights = weights
    self.record = record
  }

  /// Reads a PEFT folder and checks it against `base`; one that stands on another is loaded with that one.
  /// - Parameters:
  ///   - force: takes an adapter whose record names another base, as long as its shapes fit
  ///   - library: where adapters below it are looked for
  /// - Throws: ``ModelError/adapterMismatch(adapter:base:reason:)``, ``ModelError/adapterMisfit(adapter:base:reason:)``,
  ///   ``HierarchyError``, ``AdapterRecordError/changed(file:)`` where `motet.json` was written for other files, or what
  ///   is wrong with the files
  public static func load(
    _ folder: URL, name: String? = nil, for base: BaseModel, force: Bool = false,
    library: AdapterLibrary = AdapterLibrary()
  ) throws -> Adapter {
    try load(folder, name: name, for: base, force: force, library: library, above: [])
  }

  /// - Parameter names: of the adapters that stand on it
  private static func load(
    _ folder: URL, name: String?, for base: BaseModel, force: Bool, library: AdapterLibrary,
    above names: [String]
  ) throws -> Adapter {
    let name = name ?? folder.lastPathComponent
    let content = try contents(of: folder)
    let below = try content.record?.standsOn.map { parent in
      guard names.count < 16 else { throw HierarchyError.endless(names) }
      let place = try HierarchyError.folder(of: parent, under: name, in: library)
      return try load(
        place, name: parent.name, for: base, force: force, library: library, above: names + [name])
    }
    return try made(of: content, name: name, for: base, force: force, standsOn: below)
  }

  /// Reads a PEFT folder and checks it against `base`, without the adapter that it stands on: for one who has that
  /// already, and lets rows carry both.
  /// - Parameters:
  ///   - below: the folder of the one that it stands on, whose weights have to be those it was trained on
  ///   - comparing: whether the files are compared with the hashes in `motet.json`
  /// - Throws: as ``load(_:name:for:force:library:)``
  public static func loadAlone(
    _ folder: URL, name: String, for base: BaseModel, below: URL?, comparing: Bool = true
  ) throws -> Adapter {
    let content = try contents(of: folder, comparing: comparing)
    try content.record?.requireUnchanged(below: below, under: name)
    return try made(of: content, name: name, for: base, force: false, standsOn: nil)
  }

  private struct Content {
    let record: AdapterRecord?
    let weights: AdapterWeights
    let files: PEFTFolder
  }

  /// What a folder holds, all of one run.
  private static func contents(of folder: URL, comparing: Bool = true) throws -> Content {
    try WholeFolder.read(folder) {
      let record = try AdapterRecord.read(from: folder)
      let weights = try AdapterWeights(unchecked: folder)
      if comparing { try record?.requireUnchanged(in: folder) }
      return Content(record: record, weights: weights, files: try PEFTFolder(folder))
    }
  }

  private static func made(
    of content: Content, name: String, for base: BaseModel, force: Bool, standsOn: Adapter?
  ) throws -> Adapter {
    let fit = AdapterFit(name: name, base: base)
    if !force { try fit.check(content.record?.base) }
    let weights = content.weights
    try fit.check(
      ModuleSelection(content.files.fields), present: content.files.modules, isOurs: content.record != nil)
    let note = try fit.check(savedAlong: content.files.savedAlong)
    let adapter = Adapter(
      name: name, weights: try weights.method.fitted(weights, to: base), record: content.record,
      standsOn: standsOn,
      notes: [note].compactMap(\.self))
    try adapter.check(against: fit)
    return adapter
  }

  /// It and those below it, down to the base.
  public var chain: [Adapter] { [self] + (standsOn?.chain ?? []) }

  /// The same by path.
  public static func load(_ path: String, for base: BaseModel) throws -> Adapter {
    try load(URL(filePath: path), for: base)
  }

  public var description: String { name }

  public static func == (a: Adapter, b: Adapter) -> Bool { a === b }
  public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }

  private func check(against fit: AdapterFit) throws {
    if let reason = weights.method.mismatch(of: weights, with: fit.base) { throw fit.misfit(reason) }
    for path in weights.siteNames {
      guard let update = weights.sites[path] else { continue }
      try fit.check(path, inputs: update.inputs, outputs: update.outputs)
    }
  }

  /// What it adds to `base`, made once.
  @Compute
  func parts(on base: BaseModel) throws -> AdapterParts {
    if let parts, bound === base { return parts }
    let made = try weights.method.parts(of: weights, on: base)
    (parts, bound) = (made, base)
    return made
  }

  /// Ready for passes that only go forward, made once.
  @Compute
  func prepared(for base: BaseModel) -> PreparedAdapter {
    if let ready, ready.base.base === base { return ready.adapter }
    let made = PreparedAdapter(self, for: base)
    ready = (WeakBase(base: base), made)
    return made
  }

  /// - Throws: ``MethodError/refused(_:adapter:method:reason:)`` with its method's reason
  public func require(_ ability: Ability) throws {
    guard let reason = weights.refusal(of: ability) else { return }
    throw MethodError.refused(ability, adapter: name, method: weights.method.name, reason: reason)
  }
}
