import MotetHub
import Synchronization

/// What a pull told of its progress.
final class Told: Sendable {
  private let reports = Mutex<[HubProgress]>([])

  var all: [HubProgress] { reports.withLock { $0 } }

  func add(_ progress: HubProgress) { reports.withLock { $0.append(progress) } }
}
