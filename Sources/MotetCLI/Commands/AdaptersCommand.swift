import ArgumentParser
import Foundation
import Motet
import MotetFormats
import MotetReport

struct AdaptersCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "adapters", abstract: "Look after the library of adapters.",
    subcommands: [
      List.self, AddCommand.self, Inspect.self, Verify.self, TruncateCommand.self, Pin.self, Unpin.self,
      Remove.self,
    ],
    defaultSubcommand: List.self)

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List adapters and their versions.")

    func run() async throws {
      let library = AdapterLibrary()
      let rows = try library.entries().map { entry -> [String] in
        let record = try? entry.record()
        return [
          entry.description, entry.isPinned ? "pinned" : "", record?.base?.name ?? "-",
          record?.training?.tokens.map { "\($0) tokens" }
            ?? (record?.parents.isEmpty == false ? "merged" : "-"),
          record?.created.formatted(.iso8601) ?? "-",
        ]
      }
      if rows.isEmpty {
        return Console.note("\(library.root.path) holds no adapters; `motet train --name NAME` adds one")
      }
      Console.result(TextTable(header: ["adapter", "", "base", "made of", "created"], rows: rows).text())
    }
  }

  struct Inspect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show an adapter's shape and record.")

    @Argument(help: "A name, name@version or folder.")
    var adapter: String

    func run() async throws {
      let folder = try AdapterReference(parsing: adapter).folder(in: AdapterLibrary())
      let weights = try AdapterWeights(peft: folder)
      Console.result("\(folder.path)")
      Console.result(
        weights.sites.isEmpty
          ? "  \(weights.summary), \(weights.parameterCount) parameters"
          : "  rank \(weights.rank), alpha \(weights.alpha), \(weights.sites.count) sites, \(weights.parameterCount) parameters"
      )
      if let ranks = weights.rankSummary { Console.result("  \(ranks)") }
      let modules = Set(weights.siteNames.compactMap { $0.split(separator: ".").last.map(String.init) })
        .sorted()
      if !modules.isEmpty { Console.result("  modules: \(modules.joined(separator: ", "))") }
      let along = try PEFTFolder(folder).savedAlong.keys.sorted()
      if !along.isEmpty {
        let names = along.joined(separator: " and ")
        Console.result("  holds \(names) too, compared with the base's where it is used")
      }
      if let record = try AdapterRecord.read(from: folder) {
        Console.result(String(decoding: try record.withoutSketch().encoded(), as: UTF8.self))
      }
    }
  }

  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Check adapters' files.")

    @Argument(help: "Names; all when none is given.")
    var adapters: [String] = []

    func run() async throws {
      let library = AdapterLibrary()
      let entries = try adapters.isEmpty ? library.entries() : adapters.map { try library.resolve($0) }
      var unsound: [String] = []
      for entry in entries {
        let check = library.verify(entry)
        Console.result("\(entry): \(check.isSound ? "sound" : "damaged")")
        for line in check.problems + check.notes { Console.result("  \(line)") }
        if !check.isSound { unsound.append(entry.description) }
      }
      if !unsound.isEmpty { throw VerifyError.damaged(unsound) }
    }
  }

  enum VerifyError: Error, CustomStringConvertible {
    case damaged([String])
    var description: String {
      switch self {
      case .damaged(let names): "damaged: \(names.joined(separator: ", ")); train or copy them again"
      }
    }
  }

  struct Pin: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Keep a version from being removed.")
    @Argument var adapter: String
    func run() async throws { try AdapterLibrary().pin(adapter) }
  }

  struct Unpin: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Let a pinned version be removed again.")
    @Argument var adapter: String
    func run() async throws { try AdapterLibrary().unpin(adapter) }
  }

  struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Remove a version (the newest unless named).")
    @Argument var adapter: String
    @Flag(help: "Remove a pinned one too.") var force = false
    func run() async throws {
      Console.result("removed \(try AdapterLibrary().remove(adapter, force: force))")
    }
  }
}

extension AdapterRecord {
  /// The record without the sketch's numbers, for people.
  func withoutSketch() -> AdapterRecord {
    var copy = self
    copy.base?.sketch = [:]
    return copy
  }
}
