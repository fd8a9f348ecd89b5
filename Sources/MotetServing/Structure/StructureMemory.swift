import Metrics
import Synchronization

/// Bytes that output formats hold, all together: grammars, positions and masks.
final class StructureMemory: Sendable {
  private let bytes = Atomic(0)
  let budget: Int
  private let gauge: Gauge?

  init(budget: Int, gauge: Gauge? = nil) {
    self.budget = budget
    self.gauge = gauge
  }

  var held: Int { bytes.load(ordering: .relaxed) }
  var isOver: Bool { held > budget }

  func change(by count: Int) {
    guard count != 0 else { return }
    let now = bytes.add(count, ordering: .relaxed).newValue
    gauge?.record(now)
  }
}
