import Foundation
import MotetFormats
import MotetModels
import MotetTensor

/// All weights, in a copy: ordinary fine-tuning, that adapters are compared to. The frozen base stays as it is.
public struct FullTuning: CopyingMethod {
  public static let name = "full"
  public static let title = "all weights, in a copy: the baseline"
  public static let source = "ordinary fine-tuning"
  public static let learningRate = 1e-4
  public static let sharedOptions: Set<SharedOption> = []

  public init(_ settings: MethodSettings) throws {}

  public var settings: [String: String] { [:] }
  public var summary: String { "all weights" }

  public func extent(on base: BaseModel) throws -> WeightCopy.Extent { .all(of: base) }
}
