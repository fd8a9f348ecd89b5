import ArgumentParser
import Foundation
import Motet

struct MergeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge", abstract: "Make one permanent adapter of a mix.",
    discussion: Merge.methods.map { "\($0.name): \($0.title) (\($0.source))" }.joined(separator: "\n"))

  @OptionGroup var base: BaseOptions

  @Option(help: "The mix to merge, such as math=1+code=1.")
  var mix: String

  @Option(help: "\(Merge.names.joined(separator: ", ")).")
  var method = "svd"

  @Option(help: "The rank of the result (svd; default: the largest of the mix).")
  var rank: Int?

  @Option(help: "The folder to write.")
  var output: String?

  @Option(help: "The adapter's name in the library.")
  var name: String?

  @Flag(help: "Write into a folder that already holds an adapter.")
  var overwrite = false

  @Flag(help: "Use adapters whose record names another base.")
  var force = false

  func validate() throws {
    guard (output == nil) != (name == nil) else {
      throw ValidationError("say where the adapter goes: --output DIR or --name NAME")
    }
  }

  func run() async throws {
    if let output, !overwrite, FileManager.default.fileExists(atPath: "\(output)/adapter_config.json") {
      throw OutputError.holdsAdapter(output)
    }
    let base = try await base.load()
    let mix = try MixLoader(base, force: force).load(mix)
    let merged = try Merge.method(named: method).merge(
      mix.terms.map { ($0.adapter.weights, $0.weight) }, rank: rank)
    let record = AdapterRecord(
      motet: motetVersion, base: base.identity,
      parents: mix.terms.map {
        .init(name: $0.adapter.name, weight: Double($0.weight), weightsHash: $0.adapter.record?.weightsHash)
      })
    let place: String
    if let name {
      place = try AdapterLibrary().add(name) { try merged.write(to: $0, record: record) }.description
    } else {
      let folder = URL(filePath: output ?? "")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try merged.write(to: folder, record: record)
      place = folder.relativePath
    }
    Console.result("\(place): \(method) of \(mix), rank \(merged.rank), \(merged.parameterCount) parameters")
  }
}
