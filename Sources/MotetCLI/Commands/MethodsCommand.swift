import ArgumentParser
import MotetAdapters

struct MethodsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "methods", abstract: "The adapter methods there are, and what each can do.")

  @Argument(help: "One method; without it, all.")
  var name: String?

  func run() throws {
    let methods = try name.map { [try AdapterMethods.named($0)] } ?? AdapterMethods.all
    for method in methods { Console.result(text(of: method)) }
  }

  private func text(of method: any AdapterMethod.Type) -> String {
    var lines = [
      "\(method.name): \(method.title) (\(method.source))", "  learning rate \(method.learningRate)",
    ]
    if !method.sharedOptions.isEmpty {
      lines.append(
        "  takes " + method.sharedOptions.map { "--\($0.rawValue)" }.sorted().joined(separator: ", "))
    }
    for (option, value) in method.standards.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      lines.append("  --\(option.rawValue) \(value) where it is not given")
    }
    for option in method.options { lines.append("  --\(option.key) \(option.placeholder): \(option.help)") }
    for ability in Ability.allCases {
      guard let reason = method.refusals[ability] else { continue }
      lines.append("  cannot \(ability.rawValue): \(reason)")
    }
    return lines.joined(separator: "\n")
  }
}
