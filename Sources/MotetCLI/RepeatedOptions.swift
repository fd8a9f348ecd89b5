import ArgumentParser
import Foundation

/// Finds options with one value that a command line gives two different ones: the parser would take the last without a
/// word.
///
/// Options that take several values add up, and are left alone. What a command does not know is left to it.
struct RepeatedOptions {
  /// The part of the parser's description of the tool (`--experimental-dump-help`) that is needed here.
  private struct Tool: Decodable {
    let command: Command

    struct Command: Decodable {
      let commandName: String
      let arguments: [Argument]?
      let subcommands: [Command]?
    }
    struct Argument: Decodable {
      let kind: String
      let isRepeating: Bool
      let names: [Name]?
    }
    struct Name: Decodable {
      let name: String
    }
  }

  private let root: Tool.Command

  /// - Parameter description: the whole tool's description in JSON; if it is unreadable, no option is found
  init(description: String) {
    let tool = try? JSONDecoder().decode(Tool.self, from: Data(description.utf8))
    root = tool?.command ?? Tool.Command(commandName: "", arguments: nil, subcommands: nil)
  }

  /// - Throws: `ValidationError` naming the option and both values
  func check(_ arguments: [String]) throws {
    var command = root
    var rest = arguments[...]
    while let next = command.subcommands?.first(where: { $0.commandName == rest.first }) {
      command = next
      rest = rest.dropFirst()
    }
    let single = Set(
      (command.arguments ?? []).filter { $0.kind == "option" && !$0.isRepeating }
        .flatMap { ($0.names ?? []).map { "--\($0.name)" } })
    var values: [String: String] = [:]
    while let word = rest.popFirst(), word != "--" {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard let option = parts.first, single.contains(option) else { continue }
      guard let value = parts.count > 1 ? parts[1] : rest.popFirst() else { return }
      if let first = values.updateValue(value, forKey: option), first != value {
        throw ValidationError("\(option) is given twice, as \(first) and as \(value): keep one of them")
      }
    }
  }
}
