import Foundation
import MotetFormats

/// The families that are known.
package enum Architectures {
  package static let all: [any Architecture.Type] = [
    Llama.self, SmolLM3.self, Qwen2.self, Qwen3.self, Gemma.self, Gemma2.self, Gemma3.self, Phi3.self,
    Olmo2.self, Granite.self, GPT2.self,
  ]

  /// The family called `name`, as ``Architecture/name`` or one of its `model_type`s.
  package static func named(_ name: String) -> (any Architecture.Type)? {
    all.first { $0.name == name } ?? all.first { $0.modelTypes.contains(name) }
  }

  /// A family whose tensors, for this configuration, are those that there are.
  static func resembling(_ fields: ConfigurationFields, _ names: [String]) -> (any Architecture.Type)? {
    guard !names.isEmpty else { return nil }
    let present = Set(names)
    return all.first { family in
      guard let model = try? family.model(fields) else { return false }
      let inventory = TensorInventory(model)
      return inventory.strangers(among: names).isEmpty
        && inventory.tensors.allSatisfy { present.contains($0.name) || $0.role == .head }
    }
  }

  static var modelTypes: [String] { all.flatMap { $0.modelTypes }.sorted() }
  static var ggufNames: [String] { Array(Set(all.flatMap { $0.ggufNames })).sorted() }
}

extension ModelDescription {
  /// Reads `config.json` at `url`.
  /// - Throws: `FormatError` for a missing or impossible member, or one that asks for what is not computed
  package init(huggingFace url: URL) throws {
    try self.init(ConfigurationFields(file: url.path, members: try JSONValue.object(contentsOf: url)))
  }

  /// The model that a `config.json` describes.
  package init(_ fields: ConfigurationFields) throws {
    let type = try fields.string("model_type")
    guard let architecture = Architectures.all.first(where: { $0.modelTypes.contains(type) }) else {
      throw fields.unsupported(
        "model_type", "the architecture \(quoted(type))",
        mend: "use a model of type \(Architectures.modelTypes.joined(separator: ", "))")
    }
    self = try architecture.model(fields)
  }

  /// Reads the configuration from a GGUF file's metadata.
  /// - Throws: `FormatError` for a missing or impossible part, or one that asks for what is not computed
  package init(gguf file: GGUFFile) throws {
    let keys = try GGUFKeys(file)
    guard let architecture = Architectures.all.first(where: { $0.ggufNames.contains(keys.architecture) })
    else {
      throw keys.unsupported(
        "general.architecture", "the architecture \(quoted(keys.architecture))",
        mend: "use a model of type \(Architectures.ggufNames.joined(separator: ", "))")
    }
    // What else llama.cpp keeps in this format.
    if let type = keys.value("general.type")?.string, type != "model" {
      throw keys.unsupported(
        "general.type", "a file of type \(quoted(type)) as a base", mend: "name the GGUF of the model itself")
    }
    let members = try architecture.members(keys)
    self = try architecture.model(ConfigurationFields(file: file.path, members: members))
  }
}
