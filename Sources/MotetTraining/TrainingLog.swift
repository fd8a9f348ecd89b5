import Foundation
import MotetFormats

/// The log of one adapter, one JSON object a line, written as the run goes: who watches the file sees each step when
/// it is over.
struct TrainingLog {
  private let url: URL
  private let handle: FileHandle

  /// Begins the file anew with what a resumed run already knows.
  /// - Throws: `FormatError` when it cannot be written
  init(_ url: URL, events: [TrainingEvent], validations: [ValidationEvent]) throws {
    self.url = url
    do {
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try AtomicFile.write(Data(Self.text(events, validations).utf8), to: url)
      handle = try FileHandle(forWritingTo: url)
      try handle.seekToEnd()
    } catch let error as FormatError {
      throw error
    } catch {
      throw FormatError.unwritable(file: url.path, reason: error.localizedDescription)
    }
  }

  func append(_ event: RunEvent) throws {
    switch event {
    case .step(let event): try append(Self.line(event))
    case .validation(let event): try append(Self.line(event))
    default: break
    }
  }

  private func append(_ line: String) throws {
    do { try handle.write(contentsOf: Data(line.utf8)) } catch {
      throw FormatError.unwritable(file: url.path, reason: error.localizedDescription)
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
      + "\"seconds\":\(event.seconds)\(event.isSkipped ? ",\"skipped\":true" : "")}\n"
  }

  private static func line(_ event: ValidationEvent) -> String {
    let nll = event.nll.isFinite ? "\(event.nll)" : "null"
    return "{\"step\":\(event.step),\"validation_nll\":\(nll),\"best\":\(event.isBest)}\n"
  }
}
