import Foundation
import MotetFormats

/// The log of one adapter, one JSON object a line, written as the run goes: who watches the file sees each step when
/// it is over.
struct TrainingLog {
  private let file: AppendedFile

  /// Begins the file anew with what a resumed run already knows.
  /// - Throws: `FormatError` when it cannot be written
  init(_ url: URL, events: [TrainingEvent], validations: [ValidationEvent]) throws {
    do {
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    } catch {
      throw FormatError.unwritable(file: url.path, reason: error.localizedDescription)
    }
    try AtomicFile.write(Data(Self.text(events, validations).utf8), to: url)
    file = try AppendedFile(url)
  }

  func append(_ event: RunEvent) throws {
    switch event {
    case .step(let event): try file.append(Data(Self.line(event).utf8))
    case .validation(let event): try file.append(Data(Self.line(event).utf8))
    default: break
    }
  }

  /// The whole log, evaluations behind the steps they follow.
  static func text(_ events: [TrainingEvent], _ validations: [ValidationEvent]) -> String {
    let after = Dictionary(grouping: validations, by: \.step)
    return events.map { line($0) + (after[$0.step] ?? []).map(line).joined() }.joined()
  }

  private static func line(_ event: TrainingEvent) -> String {
    "{\"step\":\(event.step),\"loss\":\(event.loss),\"smoothed_loss\":\(event.smoothedLoss),"
      + "\"learning_rate\":\(event.learningRate),\"gradient_norm\":\(event.gradientNorm),"
      + "\"tokens\":\(event.tokens),\"tokens_per_second\":\(event.tokensPerSecond),"
      + "\"seconds\":\(event.seconds)\(event.isSkipped ? ",\"skipped\":true" : "")"
      + "\(event.penalty.map { ",\"penalty\":\($0)" } ?? "")}\n"
  }

  private static func line(_ event: ValidationEvent) -> String {
    let nll = event.nll.isFinite ? "\(event.nll)" : "null"
    return "{\"step\":\(event.step),\"validation_nll\":\(nll),\"best\":\(event.isBest)}\n"
  }
}
