import Foundation
import MotetFormats

/// One low-rank update of one matrix, on the host: ΔW = scale · B · A.
///
/// Source: LoRA, Hu et al. 2021, arXiv:2106.09685, §4.1. The scale is α/r there, α/√r in rsLoRA
/// (Kalajdzievski 2023, arXiv:2312.03732); here it is a plain number, whichever rule made it.
public struct LowRankWeights: Sendable, Equatable {
  public let rank: Int
  /// The width of the input of the adapted matrix.
  public let inputs: Int
  /// The width of its output.
  public let outputs: Int
  /// `[rank, inputs]`, row-major.
  public let loraA: [Float]
  /// `[outputs, rank]`, row-major.
  public let loraB: [Float]
  /// What B·A is multiplied by.
  public let scale: Float

  /// - Throws: `AdapterWeightsError` when a size is not positive, when a factor has another number of
  ///   values than its shape says, or when a value is infinite or not a number. The site in the error is
  ///   `site`.
  public init(
    rank: Int, inputs: Int, outputs: Int, loraA: [Float], loraB: [Float], scale: Float,
    site: String = "adapter"
  ) throws {
    guard rank > 0, inputs > 0, outputs > 0 else {
      throw AdapterWeightsError.emptyShape(site: site, rank: rank, inputs: inputs, outputs: outputs)
    }
    try Self.check(loraA, named: "lora_A", rows: rank, columns: inputs, site: site)
    try Self.check(loraB, named: "lora_B", rows: outputs, columns: rank, site: site)
    guard scale.isFinite else { throw AdapterWeightsError.scaleNotFinite(site: site, scale: scale) }
    self.rank = rank
    self.inputs = inputs
    self.outputs = outputs
    self.loraA = loraA
    self.loraB = loraB
    self.scale = scale
  }

  /// ΔW = scale · B · A, `[outputs, inputs]` row-major.
  public func delta() -> [Float] {
    var sum = [Float](repeating: 0, count: outputs * inputs)
    add(to: &sum, weight: 1)
    return sum
  }

  public var parameterCount: Int { loraA.count + loraB.count }

  private static func check(
    _ factor: [Float], named name: String, rows: Int, columns: Int, site: String
  ) throws {
    let (expected, overflow) = rows.multipliedReportingOverflow(by: columns)
    guard !overflow, factor.count == expected else {
      throw AdapterWeightsError.wrongCount(
        site: site, factor: name, rows: rows, columns: columns, count: factor.count)
    }
    if let place = factor.firstNotFinite {
      throw AdapterWeightsError.notFinite(
        site: site, factor: name, row: place / columns, column: place % columns, value: factor[place])
    }
  }
}
