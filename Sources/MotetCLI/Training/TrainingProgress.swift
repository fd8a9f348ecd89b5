import Foundation
import Motet

/// The line that shows how a run goes, and notes of what else happens in it.
@Compute
final class TrainingProgress {
  private let names: [String]
  private var latest: [String: TrainingEvent] = [:]

  convenience init(_ run: TrainingRun) { self.init(names: run.jobs.map(\.name)) }

  /// - Parameter names: of the adapters of the run
  init(names: [String]) { self.names = names }

  nonisolated static func showData(_ name: String, _ progress: DataProgress) {
    if progress.rows % 5000 == 0, progress.bytesDone < progress.bytes {
      Console.progress(
        "\(name): reading \(progress.file), \(100 * progress.bytesDone / max(1, progress.bytes))%",
        milestone: false)
    }
  }

  func show(_ event: RunEvent) {
    switch event {
    case .step(let step):
      latest[step.job] = step
      showLine(step)
    case .validation(let validation):
      Console.note(
        "\(prefix(validation.job))validation NLL \(rounded(validation.nll, 4)) after step \(validation.step)"
          + (validation.isBest ? ", the best so far" : ""))
    case .spike(let job, let step, let loss, let limit):
      Console.note(
        "\(prefix(job))step \(step) left out: its loss \(rounded(loss, 3)) is a spike (above \(rounded(limit, 3)))"
      )
    case .stoppedEarly(let job, let step):
      Console.note("\(prefix(job))ended at step \(step): the validation NLL no longer falls")
    case .leftOut(let job, let step): Console.note("\(prefix(job))left out after step \(step)")
    case .diverged(let job, let step):
      Console.note("\(prefix(job))diverged at step \(step): its loss is not a number; it ends here")
    case .resumed(let step, let note):
      Console.note("going on after step \(step)" + (note.map { "; \($0)" } ?? ""))
    case .checkpoint, .finished: break
    }
  }

  private func prefix(_ job: String) -> String { names.count > 1 ? "\(job): " : "" }

  private func showLine(_ event: TrainingEvent) {
    let every = max(1, event.steps / 20)
    let milestone = event.step % every == 0 || event.step == event.steps
    if names.count == 1 {
      return Console.progress(
        "step \(event.step)/\(event.steps)  loss \(rounded(event.loss, 4)) (\(rounded(event.smoothedLoss, 4)))  "
          + "lr \(String(format: "%.2e", event.learningRate))  \(rounded(event.tokensPerSecond, 0)) tokens/s  "
          + "\(clock(event.secondsLeft)) left", milestone: milestone)
    }
    // The adapter that goes on longest speaks for the time.
    guard let last = latest.values.max(by: { ($0.steps, $0.job) < ($1.steps, $1.job) }), last.job == event.job
    else { return }
    let losses = names.compactMap { name in latest[name].map { "\(name) \(rounded($0.smoothedLoss, 3))" } }
    let tokens = latest.values.reduce(0) { $0 + $1.tokensPerSecond * $1.seconds }
    Console.progress(
      "step \(event.step)/\(event.steps)  \(losses.joined(separator: "  "))  "
        + "\(rounded(tokens / max(event.seconds, 1e-9), 0)) tokens/s  \(clock(event.secondsLeft)) left",
      milestone: milestone)
  }
}
