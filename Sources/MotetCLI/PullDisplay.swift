import MotetHub
import Synchronization

/// The line that shows how a pull goes; outside of a terminal, one at every tenth of the bytes.
final class PullDisplay: Sendable {
  private let tenth = Mutex(0)

  func show(_ progress: HubProgress) {
    let tenth = 10 * progress.bytesDone / max(1, progress.bytesTotal)
    let isMilestone = self.tenth.withLock { last in
      defer { last = max(last, tenth) }
      return tenth > last
    }
    // The line fits 80 columns, since a longer one could not be rewritten.
    let name = progress.file.split(separator: "/").last.map(String.init) ?? progress.file
    let short = name.count > 32 ? "…" + name.suffix(31) : name
    let rate = progress.rate > 0 ? "  \(FileSize.text(Int(progress.rate)))/s" : ""
    let left = progress.secondsLeft.map { $0 < 360_000 ? "  \(clock($0)) left" : "" } ?? ""
    Console.progress(
      "\(short)  \(FileSize.text(progress.bytesDone)) of \(FileSize.text(progress.bytesTotal))\(rate)\(left)",
      milestone: isMilestone)
  }
}
