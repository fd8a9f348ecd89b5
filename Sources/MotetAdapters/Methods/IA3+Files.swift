import Foundation
import MotetFormats

/// PEFT's `IA3`: a tensor `….ia3_l` for each site, `[1, inputs]` of those in `feedforward_modules`, `[outputs, 1]` of
/// others (PEFT 0.21, `peft/tuners/ia3/layer.py`).
extension IA3: StoredMethod {
  package static func reads(_ members: [String: JSONValue]) -> Bool { members["peft_type"] == .string("IA3") }

  package static func read(_ folder: PEFTFolder) throws -> AdapterWeights {
    try folder.checkTargets()
    let scaled = try ModuleSelection.selector("feedforward_modules", folder.fields)
    var tensors: [String: HostTensor] = [:]
    for path in folder.sites(with: parameter) {
      let (shape, values) = try folder.tensor(PEFTFolder.tensorName(path, parameter))
      guard shape.count == 2, shape.contains(1) else {
        throw FormatError.malformed(
          file: folder.place.path, place: "tensor \(PEFTFolder.tensorName(path, parameter))",
          problem: "its shape \(shape) is neither [1, inputs] nor [outputs, 1]",
          mend: "save the adapter again")
      }
      let tensor = try HostTensor(shape: shape, values, named: path)
      // One value is both a row and a column; a pattern may be one that is not used here.
      let isScaled = scaled.map { try? $0.matches(path) } ?? false
      if values.count > 1, let isScaled, isScaled != tensor.scalesInputs {
        throw folder.fields.disagreement(
          "feedforward_modules",
          "it \(tensor.scalesInputs ? "does not list" : "lists") '\(path)', whose factors are \(shape)")
      }
      tensors[path] = tensor
    }
    if tensors.count != folder.names.count {
      throw FormatError.unsupported(
        file: folder.place.path, place: "header", feature: "anything but ia3_l of a Llama's linear layers",
        mend: "train the adapter on them alone")
    }
    return try AdapterWeights(
      sites: [:], baseModel: try folder.fields.optionalString("base_model_name_or_path"),
      content: MethodContent(method: name, tensors: tensors))
  }

  /// Sites are named in full, which takes them and no others whichever layers the base has.
  package static func write(_ weights: AdapterWeights, to folder: URL) throws {
    let tensors = (weights.content?.tensors ?? [:]).sorted { $0.key < $1.key }
    func names(_ chosen: [(key: String, value: HostTensor)]) -> JSONValue {
      .array(chosen.map { .string($0.key) })
    }
    let members: [String: JSONValue] = [
      "peft_type": .string("IA3"),
      "auto_mapping": .null,
      "base_model_name_or_path": weights.baseModel.map { .string($0) } ?? .null,
      "revision": .null,
      "task_type": .string("CAUSAL_LM"),
      "inference_mode": .bool(true),
      "target_modules": names(tensors),
      "exclude_modules": .null,
      "feedforward_modules": names(tensors.filter { $0.value.scalesInputs }),
      "fan_in_fan_out": .bool(false),
      "modules_to_save": .null,
      "init_ia3_weights": .bool(true),
    ]
    try PEFTFolder.write(
      members,
      tensors.map { (PEFTFolder.tensorName($0.key, parameter), $0.value.shape, $0.value.values) }, to: folder)
  }

  private static let parameter = "ia3_l"
}
