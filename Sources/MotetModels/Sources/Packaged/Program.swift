import Foundation

/// Another program, found in `PATH`, with the arguments it always gets.
struct Program: Sendable {
  let executable: URL
  let start: [String]
  let environment: [String: String]

  /// nil when no folder of `PATH` holds it.
  init?(_ name: String, _ start: [String], _ environment: [String: String]) {
    let folders = (environment["PATH"] ?? "").split(separator: ":")
    guard
      let path = folders.map({ "\($0)/\(name)" })
        .first(where: { FileManager.default.isExecutableFile(atPath: $0) })
    else { return nil }
    executable = URL(filePath: path)
    self.start = start
    self.environment = environment
  }

  struct Outcome: Sendable {
    let status: Int32
    let complaints: String

    var succeeded: Bool { status == 0 }
    /// The last line it wrote to stderr, for an error of one line.
    var lastWord: String {
      let line = complaints.split(whereSeparator: \.isNewline).last { $0.contains { !$0.isWhitespace } }
      return line.map { String($0.trimmingPrefix("ERROR: ")) } ?? "status \(status)"
    }
  }

  /// Runs to the end, its stdout dropped and its stderr kept; a cancelled task ends it.
  func run(_ arguments: [String]) async throws -> Outcome {
    let process = Process()
    process.executableURL = executable
    process.arguments = start + arguments
    process.environment = environment
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    let pipe = Pipe()
    process.standardError = pipe
    let running = Running(process)
    return try await withTaskCancellationHandler {
      try Task.checkCancellation()
      try process.run()
      let complaints = await Task.detached { pipe.fileHandleForReading.readDataToEndOfFile() }.value
      process.waitUntilExit()
      try Task.checkCancellation()
      return Outcome(
        status: process.terminationStatus, complaints: String(decoding: complaints, as: UTF8.self))
    } onCancel: {
      running.end()
    }
  }

  private final class Running: Sendable {
    private let process: Process
    init(_ process: Process) { self.process = process }
    func end() { if process.isRunning { process.terminate() } }
  }
}
