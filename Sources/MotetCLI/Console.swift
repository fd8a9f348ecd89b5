import ArgumentParser
import Foundation

/// Where words for people go: progress on stderr, one line that is rewritten in a terminal and plain lines now
/// and then elsewhere.
enum Console {
  static let isTerminal = isatty(STDERR_FILENO) != 0

  static func note(_ text: String) {
    write((isTerminal ? "\r\u{1b}[K" : "") + text + "\n")
  }

  /// A line that the next one replaces in a terminal; elsewhere printed only when `milestone`.
  static func progress(_ text: String, milestone: Bool) {
    if isTerminal { write("\r\u{1b}[K" + text) } else if milestone { write(text + "\n") }
  }

  /// Leaves the progress line behind.
  static func endProgress() {
    if isTerminal { write("\r\u{1b}[K") }
  }

  /// If stdout fails, the process ends with status 1: later results would be lost too.
  static func result(_ text: String, terminator: String = "\n") {
    guard let problem = Descriptor.write(text + terminator, to: STDOUT_FILENO) else { return }
    note("the result cannot be written (\(problem)); free the disk, or keep its reader open")
    exit(EXIT_FAILURE)
  }

  /// One JSON object, keys sorted, on one line. A number that is not finite is null: JSON has no other word for it.
  static func json(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    // A text that no value of ours holds.
    let mark = "\u{1}not finite\u{1}"
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: mark, negativeInfinity: mark, nan: mark)
    let text = String(decoding: try encoder.encode(value), as: UTF8.self)
    result(text.replacing("\"\\u0001not finite\\u0001\"", with: "null"))
  }

  /// How the process was started, for reports.
  static var command: String { (["motet"] + CommandLine.arguments.dropFirst()).joined(separator: " ") }

  /// A failure of stderr is ignored: there is nowhere left to report it.
  private static func write(_ text: String) { _ = Descriptor.write(text, to: STDERR_FILENO) }
}

/// Turns the first Ctrl-C into a cancelled task, so that long work stops at its next step and keeps what it has;
/// the second one ends the process.
enum Interrupt {
  static func cancelling<T: Sendable>(
    _ message: String, _ body: @escaping @Sendable () async throws -> T
  ) async throws -> T {
    let task = Task { try await body() }
    signal(SIGINT, SIG_IGN)
    let source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
    source.setEventHandler {
      signal(SIGINT, SIG_DFL)
      Console.note(message)
      task.cancel()
    }
    source.resume()
    defer {
      source.cancel()
      signal(SIGINT, SIG_DFL)
    }
    do { return try await task.value } catch is CancellationError {
      Console.endProgress()
      throw ExitCode(128 + SIGINT)
    }
  }
}

func rounded(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

/// `1:05` or `2:03:04`.
func clock(_ seconds: Double) -> String {
  let whole = Int(seconds.rounded())
  let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
  return hours > 0
    ? String(format: "%d:%02d:%02d", hours, minutes, rest) : String(format: "%d:%02d", minutes, rest)
}
