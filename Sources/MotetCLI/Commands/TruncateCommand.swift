import ArgumentParser
import Foundation
import Motet

/// `motet adapters truncate`
struct TruncateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "truncate", abstract: "Cut the first ranks out of an adapter.",
    discussion: """
      Of an adapter trained with --method dylora every smaller rank is an adapter that was trained for it. To bring \
      another one to a smaller rank, `motet merge --method svd --rank R --mix NAME` is better.
      """)

  @Argument(help: "A name, name@version or folder.")
  var adapter: String

  @Option(help: "How many ranks to keep.")
  var rank: Int

  @OptionGroup var destination: AdapterDestination

  func validate() throws { try require("rank", rank, from: 1) }

  func run() async throws {
    try destination.check()
    let folder = try AdapterReference(parsing: adapter).folder(in: AdapterLibrary())
    let whole = try AdapterWeights(peft: folder)
    let cut = try whole.truncated(to: rank)
    let old = try AdapterRecord.read(from: folder)
    if let method = old?.training?.method, method != DyLoRA.name {
      Console.note(
        "\(adapter) was trained as \(method), not as \(DyLoRA.name): its first ranks are not an adapter by themselves"
      )
    }
    let record = AdapterRecord(
      motet: motetVersion, base: old?.base,
      parents: [.init(name: adapter, weightsHash: try AdapterRecord.hash(of: folder))])
    let place = try destination.save(cut, record: record)
    Console.result(
      "\(place): the first \(rank) of the \(whole.rank) ranks of \(adapter), \(cut.parameterCount) parameters"
    )
  }
}
