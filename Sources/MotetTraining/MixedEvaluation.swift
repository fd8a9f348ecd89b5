import MotetAdapters
import MotetModels

extension BaseModel {
  /// The NLL of examples that each carry their own mix, as a router chose it.
  /// - Parameter heldToAnswer: as for one mix
  public func nll(
    of examples: [Example], mixes: [Mix], heldToAnswer: Bool = false
  ) async throws -> NLL {
    var order: [Mix] = []
    var byMix: [Mix: [Int]] = [:]
    for (index, mix) in mixes.enumerated() {
      if byMix[mix] == nil { order.append(mix) }
      byMix[mix, default: []].append(index)
    }
    var byRow = [Double](repeating: 0, count: examples.count)
    var total = 0.0
    var count = 0
    for mix in order {
      let indices = byMix[mix] ?? []
      let part = try await nll(
        of: indices.map { examples[$0] }, mix: mix, heldToAnswer: heldToAnswer)
      for (index, value) in zip(indices, part.byRow) { byRow[index] = value }
      total += part.value * Double(part.count)
      count += part.count
    }
    return NLL(value: total / Double(max(1, count)), count: count, byRow: byRow)
  }
}
