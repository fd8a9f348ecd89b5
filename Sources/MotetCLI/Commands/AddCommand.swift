import ArgumentParser
import Foundation
import Motet

struct AddCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add", abstract: "Copy an adapter's folder into the library.",
    discussion: """
      FOLDER holds adapter_config.json and adapter_model.safetensors, as PEFT saves them, or one folder that does. It \
      becomes a new version of NAME, with a record of where it came from; FOLDER stays as it is. With --base it is \
      checked against that base, and recorded for it.
      """)

  @Argument(help: "The adapter's folder.")
  var folder: String

  @Option(help: "Its name in the library.")
  var name: String

  @Option(help: "The base model that it has to fit: a name, ORG/NAME of the hub, a folder or a GGUF file.")
  var base: String?

  @Flag(help: "Take an adapter whose record names another base.")
  var force = false

  func run() async throws {
    let library = AdapterLibrary()
    // An invalid name is refused before the base is read.
    _ = try AdapterName(name)
    let reference = folder.contains("/") ? folder : "./" + folder
    let place = try AdapterReference(parsing: reference).folder(in: library)
    var model: BaseModel?
    if let base { model = try await BaseModel.load(base).announced() }
    let added = try library.add(name, copying: place, for: model, force: force)
    for note in added.notes { Console.note(note) }
    if model == nil {
      Console.note("\(added.entry): not checked against a base; --base B does that, and records it")
    }
    let left = added.left.isEmpty ? "" : ", not \(added.left.joined(separator: ", "))"
    Console.result(
      "\(added.entry): copied \(added.copied.joined(separator: " and ")) of \(added.source.path)\(left)")
  }
}
