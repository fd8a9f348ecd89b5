import MotetModels
import MotetTensor

/// A way of adapting a frozen base: one file in this folder and one line in ``AdapterMethods``.
///
/// A method says what it is called, which options it takes and what its adapters can do. Its value holds the options
/// of one adapter; ``begin(on:seed:)`` makes the adapter that is trained. What a trained one adds to the base's sites
/// is data, ``AdapterParts``: most methods are low-rank terms that the pass already knows, and differ in what those
/// follow from.
public protocol AdapterMethod: Sendable {
  /// As `--method` has it: `rslora`.
  static var name: String { get }
  /// In a line of the help.
  static var title: String { get }
  /// Hu et al. 2021, arXiv 2106.09685.
  static var source: String { get }
  /// The learning rate that works on small models, taken where none is given.
  static var learningRate: Double { get }
  /// Of the options that methods share, those that say something here.
  static var sharedOptions: Set<SharedOption> { get }
  /// What those of them are that were not given, where it is not what `lora` takes.
  static var standards: [SharedOption: String] { get }
  /// Those that this one has beside them.
  static var options: [MethodOption] { get }
  /// What its adapters cannot do, each with the reason and the mend.
  static var refusals: [Ability: String] { get }

  /// - Throws: ``MethodError`` for an option that cannot be
  init(_ settings: MethodSettings) throws

  /// What decides an adapter's beginning and its training, by the names of the command line.
  var settings: [String: String] { get }
  /// In a few words, for reports: `LoRA, rank 16, alpha 32`.
  var summary: String { get }
  /// The rate at which the inputs of its terms are dropped in training.
  var dropout: Float { get }

  /// Positions that its adapters take of the context before a sequence's first token.
  var virtualTokens: Int { get }

  /// The sites of `base` that are adapted.
  /// - Throws: ``LoRAError`` for options that fit no matrix, naming those that exist
  func sites(of base: BaseModel) throws -> [AdapterSite]

  /// A fresh adapter; a site's numbers depend on the seed and its name alone.
  @Compute func begin(on base: BaseModel, seed: UInt64) throws -> any TrainableAdapter

  /// One that goes on from weights of this method.
  @Compute func `continue`(_ weights: AdapterWeights, on base: BaseModel) throws -> any TrainableAdapter

  /// Weights that were read from files alone, with the low-rank factors that only a base tells how large they are.
  /// - Throws: `ModelError/adapterMisfit` when they are for other matrices
  static func fitted(_ weights: AdapterWeights, to base: BaseModel) throws -> AdapterWeights

  /// What trained weights add to the base.
  @Compute static func parts(of weights: AdapterWeights, on base: BaseModel) throws -> AdapterParts

  /// Why what weights hold beside low-rank factors does not fit a base; nil when it does.
  static func mismatch(of weights: AdapterWeights, with base: BaseModel) -> String?

  /// Adds to a site's matrix what the adapter changes of it, times its weight in the mix.
  /// - Parameters:
  ///   - base: W, `[outputs, inputs]`
  ///   - sum: W with what other adapters change of it, of the same shape
  /// - Throws: ``FuseError``
  static func fuse(
    _ weights: AdapterWeights, weight: Float, at site: AdapterSite, base: [Float], into sum: inout [Float]
  ) throws

  /// Adds to what a site's layer adds (its bias) what the adapter changes of it, times its weight in the mix.
  /// - Parameters:
  ///   - base: `[outputs]`
  ///   - sum: the bias with what other adapters change of it
  static func fuseBias(
    _ weights: AdapterWeights, weight: Float, at site: AdapterSite, base: [Float], into sum: inout [Float])

  /// What stands in a fused model in place of a tensor of the base; nil for the base's own.
  /// - Parameter tensor: its name in the base's files
  /// - Returns: the values as those files hold them
  static func replaced(_ weights: AdapterWeights, tensor: String) -> [Float]?
}

/// What a mix may do with an adapter beside being carried alone.
public enum Ability: String, Sendable, CaseIterable {
  /// Stand in a mix with others, or with another weight than 1.
  case blend
  /// Become one adapter with others.
  case merge
  /// Be written into the base's matrices.
  case fuse
}

extension AdapterMethod {
  public static var standards: [SharedOption: String] { [:] }
  public static var options: [MethodOption] { [] }
  public static var refusals: [Ability: String] { [:] }
  public var dropout: Float { 0 }
  public var virtualTokens: Int { 0 }
  public static func mismatch(of weights: AdapterWeights, with base: BaseModel) -> String? { nil }
  public static func replaced(_ weights: AdapterWeights, tensor: String) -> [Float]? { nil }

  public static func fuseBias(
    _ weights: AdapterWeights, weight: Float, at site: AdapterSite, base: [Float], into sum: inout [Float]
  ) {}

  public static func fitted(_ weights: AdapterWeights, to base: BaseModel) throws -> AdapterWeights {
    weights
  }

  /// s·B·A as it is.
  public static func fuse(
    _ weights: AdapterWeights, weight: Float, at site: AdapterSite, base: [Float], into sum: inout [Float]
  ) throws {
    guard let update = weights.sites[site.path] else { return }
    guard update.outputs == site.outputs, update.inputs == site.inputs else {
      throw FuseError.wrongShape(
        site: site.path, base: [site.outputs, site.inputs], update: [update.outputs, update.inputs])
    }
    update.add(to: &sum, weight: weight)
  }

  /// Low-rank weights as they are.
  @Compute public static func parts(of weights: AdapterWeights, on base: BaseModel) throws -> AdapterParts {
    AdapterParts(
      terms: base.sites.map { site in
        guard let update = weights.sites[site.path] else { return [] }
        return [
          BoundMix.Term(
            loraA: Parameter(rows: update.rank, columns: update.inputs, update.loraA, trainable: false),
            loraB: Parameter(rows: update.outputs, columns: update.rank, update.loraB, trainable: false),
            scale: update.scale)
        ]
      },
      headTerms: weights.sites[AdapterWeights.head].map { update in
        [
          BoundMix.Term(
            loraA: Parameter(rows: update.rank, columns: update.inputs, update.loraA, trainable: false),
            loraB: Parameter(rows: update.outputs, columns: update.rank, update.loraB, trainable: false),
            scale: update.scale)
        ]
      } ?? [])
  }
}

/// An adapter under training: its parameters, and the mix that carries what follows from them.
///
/// A step goes: ``beginStep(_:of:)``, passes that leave gradients in what the mix carries, ``gatherGradients()``, the
/// optimizer on ``parameters``, ``finishStep(learningRate:)``.
@Compute
public protocol TrainableAdapter: AnyObject {
  /// The same object for a whole run.
  var mix: BoundMix { get }
  /// What the optimizer moves.
  var parameters: [Parameter] { get }
  nonisolated var parameterCount: Int { get }

  /// Before the passes of a step, counted from 0: chooses what this step trains, where a method does.
  /// - Throws: ``MethodError/schedule(method:reason:)`` for a run too short for what was asked
  func beginStep(_ step: Int, of steps: Int) throws
  /// After them: brings gradients from what the mix carries to the parameters, and adds those of penalties.
  func gatherGradients()
  /// After the optimizer moved the parameters.
  func finishStep(learningRate: Double) throws
  /// Brings what the mix carries in line with the parameters, which were taken back or moved.
  /// - Throws: where it takes products with the base that fail
  func derive() throws

  /// What it remembers beside the parameters, for checkpoints.
  var memory: [String: [Float]] { get }
  /// - Throws: ``MethodError/foreignMemory(_:)`` when it is another adapter's
  func restore(_ memory: [String: [Float]]) throws

  /// Whether what it will be saved as has its final size: no step before is kept as the best.
  var isSettled: Bool { get }

  /// What training showed of the method, for the report.
  var findings: [MethodFinding] { get }

  /// The weights as they stand.
  /// - Throws: when training made them infinite or not numbers
  func weights() throws -> AdapterWeights
}

/// Something to report of a trained adapter: words and a table.
public struct MethodFinding: Sendable, Equatable {
  public var text: String
  public var header: [String]
  public var rows: [[String]]

  public init(text: String, header: [String], rows: [[String]]) {
    self.text = text
    self.header = header
    self.rows = rows
  }
}

extension TrainableAdapter {
  public func beginStep(_ step: Int, of steps: Int) {}
  public func gatherGradients() {}
  public func finishStep(learningRate: Double) throws { try derive() }
  public func derive() throws {}
  public var memory: [String: [Float]] { [:] }
  public var isSettled: Bool { true }
  public var findings: [MethodFinding] { [] }
  public func restore(_ memory: [String: [Float]]) throws {}
}
