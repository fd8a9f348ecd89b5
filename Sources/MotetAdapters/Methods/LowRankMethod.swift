import Foundation
import MotetModels

/// A method whose sites, rank, α and dropout are chosen as those of LoRA are.
public protocol LowRankMethod: AdapterMethod {
  var shape: LoRA { get }
  /// Settings beside those of the shape, or in their place.
  var ownSettings: [String: String] { get }
}

extension LowRankMethod {
  public static var sharedOptions: Set<SharedOption> { .lowRank }

  public var ownSettings: [String: String] { [:] }
  public var dropout: Float { shape.dropout }
  public var settings: [String: String] { shape.settings.merging(ownSettings) { $1 } }
  public var summary: String {
    "\(Self.name), \(shape.rankSummary), alpha \(String(format: "%g", shape.alpha))"
  }

  public func sites(of base: BaseModel) throws -> [AdapterSite] { try shape.sites(of: base) }
}
