import Foundation

/// How much of what an optimizer remembers stays in memory; the rest lies in a file.
public struct OptimizerMemory: Sendable, Equatable {
  /// Bytes.
  public var budget: Int
  /// Where the file goes. It has no name from the start, so that nothing of it is left whatever ends the run.
  public var folder: URL

  public init(budget: Int, folder: URL) {
    self.budget = budget
    self.folder = folder
  }

  /// The folder itself, the nearest above it that is there, or the system's place for temporary files.
  static func place(near folder: URL?) -> URL {
    var candidate = folder?.standardizedFileURL
    while let url = candidate, url.path != "/" {
      if FileManager.default.isWritableFile(atPath: url.path) { return url }
      candidate = url.deletingLastPathComponent()
    }
    return FileManager.default.temporaryDirectory
  }
}

/// Why an optimizer's state cannot be held.
public enum OptimizerMemoryError: Error, Equatable, CustomStringConvertible {
  case tooSmall(budget: Int, page: Int)
  case file(bytes: Int, folder: String, reason: String)

  public var description: String {
    switch self {
    case .tooSmall(let budget, let page):
      "--optimizer-memory \(budget) bytes cannot be: one page of this optimizer's state takes \(page)"
    case .file(let bytes, let folder, let reason):
      "the optimizer's state needs \(bytes) bytes in \(folder): \(reason); free some space there, give another "
        + "--output, or leave out --optimizer-memory"
    }
  }
}

/// Bytes as a user writes them: `64MB`, `1.5GB`, `512KiB`, `65536`.
public struct ByteCount: Sendable, Equatable, ScalarSetting {
  public var bytes: Int

  public init(_ bytes: Int) { self.bytes = bytes }

  static var expected: String { "a size such as 64MB" }

  private static let units: [(String, Double)] = [
    ("kib", 0x400), ("mib", 0x10_0000), ("gib", 0x4000_0000), ("kb", 1e3), ("mb", 1e6), ("gb", 1e9), ("b", 1),
  ]

  package init?(text: String) {
    let lower = text.lowercased()
    let unit = Self.units.first { lower.hasSuffix($0.0) }
    let number = lower.dropLast(unit?.0.count ?? 0)
    guard let value = Double(number), value >= 0, value * (unit?.1 ?? 1) < 1e15 else { return nil }
    bytes = Int(value * (unit?.1 ?? 1))
  }

  package var text: String {
    bytes > 0 && bytes % 1_000_000 == 0 ? "\(bytes / 1_000_000)MB" : "\(bytes)"
  }
}
