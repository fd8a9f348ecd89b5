import Foundation
import MotetFormats

/// A folder of our own in PEFT's shape: PEFT has no such method, and refuses its `peft_type`.
extension MixtureOfExperts: StoredMethod {
  private static let type = "MOTET_MOE"

  package static func reads(_ members: [String: JSONValue]) -> Bool { members["peft_type"] == .string(type) }

  package static func read(_ folder: PEFTFolder) throws -> AdapterWeights {
    let (top, scale) = (try folder.fields.int("top_k"), try folder.fields.double("scale", or: 1))
    var tensors: [String: HostTensor] = [:]
    for name in folder.names {
      let (shape, values) = try folder.tensor(name)
      tensors[name] = try HostTensor(shape: shape, values, named: name)
    }
    let weights = try AdapterWeights(
      sites: [:], baseModel: try folder.fields.optionalString("base_model_name_or_path"),
      content: MethodContent(
        method: name, settings: ["top-k": "\(top)", "scale": "\(Float(scale))"], tensors: tensors))
    let shapes = ExpertTensors.shapes(of: weights)
    guard shapes.count * 3 == tensors.count else {
      throw FormatError.malformed(
        file: folder.place.path, place: "header",
        problem: "it holds other tensors than a router, lora_A and lora_B that fit for each site",
        mend: "save the adapter again")
    }
    guard shapes.values.allSatisfy({ (1...$0.count).contains(top) }) else {
      throw folder.fields.malformed(
        "top_k", "\(top) experts a token are not within 1 to the experts of each site")
    }
    return weights
  }

  package static func write(_ weights: AdapterWeights, to folder: URL) throws {
    let settings = weights.content?.settings ?? [:]
    let tensors = (weights.content?.tensors ?? [:]).sorted { $0.key < $1.key }
    try PEFTFolder.write(
      [
        "peft_type": .string(type),
        "base_model_name_or_path": weights.baseModel.map { .string($0) } ?? .null,
        "task_type": .string("CAUSAL_LM"),
        "top_k": .int(settings["top-k"].flatMap { Int($0) } ?? 1),
        "scale": .double(settings["scale"].flatMap { Float($0) }.map(Double.init) ?? 1),
      ], tensors.map { ($0.key, $0.value.shape, $0.value.values) }, to: folder)
  }
}
