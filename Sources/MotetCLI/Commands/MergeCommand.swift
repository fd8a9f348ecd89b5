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

  @Option(help: "The rank of the result (svd, regmean; default: the largest of the mix).")
  var rank: Int?

  @Option(
    parsing: .upToNextOption,
    help: "Rows of what an adapter was trained for, ADAPTER=FILE, at least one for each (regmean).")
  var data: [NamedFile] = []

  @OptionGroup var columns: ColumnOptions

  @Option(help: "Take only so many rows of each file (regmean).")
  var limit = 64

  @OptionGroup var destination: AdapterDestination

  @Flag(help: "Use adapters whose record names another base.")
  var force = false

  func validate() throws {
    if !data.isEmpty, Merge.methods.contains(where: { $0.name == method && !$0.needsInputs }) {
      throw ValidationError("--data is for regmean; \(method) needs no rows")
    }
    try require("rank", rank, from: 1)
    try require("limit", limit, from: 1)
  }

  func run() async throws {
    try destination.check()
    let base = try await base.load()
    let mix = try MixLoader(base, force: force).load(mix)
    let method = try Merge.method(named: self.method)
    try mix.require(.merge)
    let merged = try method.merge(try await updates(of: mix, for: method, on: base), rank: rank)
    let record = AdapterRecord(
      motet: motetVersion, base: base.identity,
      parents: mix.terms.map {
        .init(name: $0.adapter.name, weight: Double($0.weight), weightsHash: $0.adapter.record?.weightsHash)
      })
    let place = try destination.save(merged, record: record)
    Console.result(
      "\(place): \(self.method) of \(mix), rank \(merged.rank), \(merged.parameterCount) parameters")
  }

  /// The updates as they are, or fitted to the rows of `--data` where the method wants that.
  private func updates(
    of mix: Mix, for method: any MergeMethod, on base: BaseModel
  ) async throws -> [(adapter: AdapterWeights, weight: Float)] {
    guard type(of: method).needsInputs else {
      return mix.expanded.terms.map { ($0.adapter.weights, $0.weight) }
    }
    let known = Set(mix.terms.flatMap { names(of: $0.adapter) })
    if let stray = data.first(where: { !known.contains($0.name) }) {
      throw ValidationError(
        "--data \(stray.name)=\(stray.path): the mix has no adapter '\(stray.name)', only "
          + mix.terms.map(\.adapter.name).joined(separator: ", "))
    }
    for file in data {
      let meant = mix.terms.filter { names(of: $0.adapter).contains(file.name) }.map(\.adapter.name)
      if meant.count > 1 {
        throw ValidationError(
          "--data \(file.name)=\(file.path): \(meant.joined(separator: " and ")) are both called \(file.name); give "
            + "the whole name")
      }
    }
    let terms = try mix.terms.map { term in
      let files = data.filter { names(of: term.adapter).contains($0.name) }
      let rows = try files.flatMap {
        try columns.dataset($0.path, for: RowEncoder(base)).examples(for: base).prefix(limit).map(\.tokens)
      }
      return InputFit.Term(adapter: term.adapter, weight: term.weight, rows: rows)
    }
    return try await InputFit.fit(terms, on: base) {
      Console.progress("fitting: layer \($0) of \(base.configuration.layers)", milestone: false)
    }
  }

  /// What `--data` may call an adapter: its name in the mix, with or without a version, or its folder's.
  private func names(of adapter: Adapter) -> [String] {
    [adapter.name, adapter.name.split(separator: "@").first.map(String.init) ?? ""]
      + adapter.name.split(separator: "/").suffix(2).map(String.init)
  }
}
