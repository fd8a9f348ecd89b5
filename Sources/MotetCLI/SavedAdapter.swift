import ArgumentParser
import Foundation
import Motet
import MotetFormats

/// Where a command puts an adapter that it makes.
struct AdapterDestination: ParsableArguments {
  @Option(help: "The folder to write.", transform: OutputArgument.parse)
  var output: String?

  @Option(help: "The adapter's name in the library.")
  var name: String?

  @Flag(help: "Replace an adapter that Motet wrote there.")
  var overwrite = false

  func validate() throws {
    guard (output == nil) != (name == nil) else {
      throw ValidationError("say where the adapter goes: --output DIR or --name NAME")
    }
  }

  /// Refuses a place that is taken: to be asked before the work, not after it.
  func check() throws {
    if let name { _ = try AdapterName(name) }
    if let output {
      try OwnedFolder(URL(filePath: output), kind: .adapter, overwriting: overwrite).check()
    }
  }

  /// Writes the newest version of the name in the library, or the folder.
  /// - Returns: the version as `math@3`, or the folder
  func save(_ weights: AdapterWeights, record: AdapterRecord) throws -> String {
    if let name { return try AdapterLibrary().add(name, weights: weights, record: record).description }
    let folder = URL(filePath: output ?? "")
    try weights.save(to: folder, record: record, overwriting: overwrite)
    return folder.relativePath
  }
}

/// A path that a command writes to.
enum OutputArgument {
  /// An empty one, as of a variable that is not set, would mean the current folder.
  static func parse(_ text: String) throws -> String {
    guard !text.isEmpty else { throw ValidationError("it is empty: give a path") }
    return text
  }
}
