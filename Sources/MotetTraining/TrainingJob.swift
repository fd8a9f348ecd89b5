import Crypto
import Foundation
import MotetAdapters
import MotetModels
import MotetTensor

/// One adapter to train: what it is, on which rows, and where it goes.
public struct TrainingJob: Sendable {
  public var name: String
  public var method: any AdapterMethod
  public var options: TrainingOptions
  public var data: any ExampleSource
  /// Rows whose NLL is taken before, after and on the way.
  public var validation: (any ExampleSource)?
  /// Steps after which the validation rows are gone through, in place of before the first one; none for those of
  /// ``options``.
  public var evaluationPoints: Set<Int> = []
  /// Weights to go on from, in place of fresh ones; `method` then only gives the dropout.
  public var start: AdapterWeights?
  /// The adapter that `start` was taken from.
  public var parent: AdapterRecord.Parent?
  /// A frozen adapter that it is trained on top of, and that rows which carry it carry too.
  public var standsOn: Adapter?
  /// The name by which ``standsOn`` is found again, and its weights' hash.
  public var standsOnRecord: AdapterRecord.Parent?
  /// Adapters whose input subspaces it is kept apart from.
  public var orthogonal: OrthogonalPenalty.Options?
  /// What it learns from, beside its data.
  public var teacher: Teacher?
  /// nil keeps the adapter in memory only.
  public var destination: Destination?
  /// A folder that gets `training.jsonl` and `tensorboard` while the run goes, and is removed when they are beside the
  /// saved adapter; nil takes the destination's own folder.
  public var logFolder: URL?
  /// Whether TensorBoard's event files are written.
  public var writesTensorBoard = true
  /// Files to be written beside the adapter, by name.
  public var attachments: [String: Data] = [:]

  /// Where an adapter goes.
  public enum Destination: Sendable {
    /// A PEFT folder; `replaces` lets an adapter that is there give way.
    case folder(URL, replaces: Bool = false)
    /// The newest version of the job's name.
    case library(AdapterLibrary)
  }

  public init(
    name: String, method: any AdapterMethod = LoRA(), options: TrainingOptions = TrainingOptions(),
    data: any ExampleSource, validation: (any ExampleSource)? = nil, start: AdapterWeights? = nil,
    parent: AdapterRecord.Parent? = nil, destination: Destination? = nil
  ) {
    self.name = name
    self.method = method
    self.options = options
    self.data = data
    self.validation = validation
    self.start = start
    self.parent = parent
    self.destination = destination
  }

  /// Where the logs grow; nil for nowhere.
  var logs: URL? {
    if let logFolder { return logFolder }
    guard case .folder(let folder, _)? = destination else { return nil }
    return folder
  }

  /// Draws its fresh weights. One that is kept apart from others is drawn otherwise than they: from the same seed it
  /// would begin with the very A that they began with.
  var initialSeed: UInt64 {
    guard let orthogonal else { return options.seed }
    let names = orthogonal.adapters.map(\.name).joined(separator: ", ")
    var generator = SeededGenerator(seed: options.seed, for: "apart from \(names)")
    return generator.next()
  }

  /// How it is trained, without what identifies its data and its beginning.
  var settings: [String: String] {
    identity().filter { !["data", "eval", "continue", "weights"].contains($0.key) }
  }

  /// Everything that decides the outcome, by the names of the command line: what a resumed run must share.
  func identity() -> [String: String] {
    var identity = options.settings
    identity["method"] = type(of: method).name
    identity["dropout"] = "\(method.dropout)"
    identity["data"] = "\(data.count) rows, \(data.digest)"
    identity["weights"] =
      (data as? TrainingData)?.files.map { "\($0.weight)" }.joined(separator: ",") ?? "none"
    identity["eval"] = validation.map { "\($0.count) rows, \($0.digest)" } ?? "none"
    if let standsOn { identity["parent"] = "\(standsOn.name), \(Self.hash(standsOn.weights))" }
    if !evaluationPoints.isEmpty {
      identity["rungs"] = evaluationPoints.sorted().map { "\($0)" }.joined(separator: ",")
    }
    identity.merge(teacher?.settings ?? [:]) { $1 }
    identity.merge(orthogonal?.settings ?? [:]) { $1 }
    if let start {
      identity["continue"] = Self.hash(start)
      // The shape is that of the weights.
      let fixed = AdapterConfiguration.fixedByContinue
      identity.merge(method.settings.filter { !fixed.contains($0.key) }) { $1 }
    } else {
      identity["continue"] = "none"
      identity.merge(method.settings) { $1 }
    }
    return identity
  }

  private static func hash(_ weights: AdapterWeights) -> String {
    var sha = SHA256()
    for name in weights.siteNames {
      guard let site = weights.sites[name] else { continue }
      sha.update(data: Data("\(name) \(site.rank) \(site.scale) ".utf8))
      for factor in [site.loraA, site.loraB] { factor.withUnsafeBytes { sha.update(bufferPointer: $0) } }
    }
    for (name, tensor) in (weights.content?.tensors ?? [:]).sorted(by: { $0.key < $1.key }) {
      sha.update(data: Data("\(name) \(tensor.shape) ".utf8))
      tensor.values.withUnsafeBytes { sha.update(bufferPointer: $0) }
    }
    return sha.finalize().map { String(format: "%02x", $0) }.joined()
  }

  /// Refuses what cannot be trained, before anything is.
  /// - Throws: ``TrainingError``, ``LoRAError``
  func validate(on base: BaseModel) throws {
    try options.validate()
    if start == nil { _ = try method.sites(of: base) }
    try (data as? TrainingData)?.checkWeights()
    guard data.count > 0, data.epochLength > 0 else { throw TrainingError.noRows(job: name) }
    if validation == nil, let option = options.needsValidation {
      throw TrainingError.needsValidation(option: option, job: name)
    }
    if let validation, validation.count == 0 { throw TrainingError.noRows(job: "\(name), validation") }
    let limit = base.configuration.maximumPositions - (start?.virtualTokens ?? method.virtualTokens)
    for index in 0..<data.count where data.tokenCount(at: index) > limit {
      throw TrainingError.rowTooLong(
        job: name, row: index + 1, tokens: data.tokenCount(at: index), limit: limit)
    }
    if let validation {
      for index in 0..<validation.count where validation.tokenCount(at: index) > limit {
        throw TrainingError.validationRowTooLong(
          job: name, row: index + 1, tokens: validation.tokenCount(at: index), limit: limit)
      }
    }
    try teacher?.validate(for: base, job: name)
    try orthogonal?.validate(job: name, method: type(of: method))
    try standsOn?.require(.blend)
    if standsOn != nil, let reason = type(of: method).refusals[.blend] {
      throw MethodError.refused(.blend, adapter: name, method: type(of: method).name, reason: reason)
    }
    guard let start else { return }
    let (own, asked) = (start.method.name, type(of: method).name)
    // An adapter of low rank and nothing else goes on as any method that trains its two factors.
    guard own == asked || start.content == nil else {
      throw MethodError.otherMethod(adapter: parent?.name ?? name, own: own, asked: asked)
    }
  }
}
