import MotetModels

/// The last layers' weights, in a copy: what is trained of a model when all of it is too much. Embedding, final norm and
/// head stay the base's.
public struct PartialTuning: CopyingMethod {
  public static let name = "partial"
  public static let title = "the last layers' weights, in a copy: the baseline"
  public static let source = "ordinary fine-tuning"
  public static let learningRate = 4e-4
  public static let sharedOptions: Set<SharedOption> = []
  public static let options = [
    MethodOption(
      "last-layers", "N", "How many layers train, counted from the last (4, or all).",
      isFixedByContinue: true)
  ]

  /// How many layers, counted from the last.
  public let count: Int
  /// Whether a base of fewer layers has all of them trained.
  private let isStandard: Bool

  public init(_ settings: MethodSettings) throws {
    count = try settings.integer("last-layers", or: 4, within: 1...65_536)
    isStandard = settings.own["last-layers"] == nil
  }

  public var settings: [String: String] { ["last-layers": "\(count)"] }
  public var summary: String { "the last \(count == 1 ? "layer" : "\(count) layers")" }

  /// - Throws: ``MethodError/option(_:value:expected:)`` for more layers than the base has
  public func extent(on base: BaseModel) throws -> WeightCopy.Extent {
    let layers = base.configuration.layers
    guard isStandard || count <= layers else {
      throw MethodError.option(
        "last-layers", value: "\(count)", expected: "at most the base's \(layers) layers")
    }
    return WeightCopy.Extent(layers: max(0, layers - count)..<layers, hasTables: false)
  }
}
