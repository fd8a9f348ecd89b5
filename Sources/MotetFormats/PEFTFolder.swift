import Foundation

/// An adapter's folder in PEFT's form, whatever its method: the members of `adapter_config.json` and the tensors of
/// `adapter_model.safetensors`.
///
/// Source: PEFT 0.21, `peft/utils/save_and_load.py`: a tensor of an adapted module is called
/// `base_model.model.`, the module's name, and the parameter's without the adapter's name.
package struct PEFTFolder {
  package let fields: ConfigurationFields
  package let place: URL
  /// Tensors of the base that the file holds too, by Hugging Face's names.
  package let savedAlong: [String: StoredTensor]
  /// By the names that PEFT saves parameters under.
  private let tensors: [String: StoredTensor]

  /// - Throws: ``FormatError`` when a file is missing or damaged
  package init(_ folder: URL) throws {
    fields = try ConfigurationFields(adapter: folder)
    place = try AdapterFiles.weights(in: folder)
    let file = try SafetensorsFile(contentsOf: place)
    // Methods that PEFT does not have are stored under names of their own.
    if fields.members["peft_type"]?.stringValue?.hasPrefix("MOTET_") == true {
      tensors = try Dictionary(uniqueKeysWithValues: file.names.map { ($0, try file.tensor($0)) })
      savedAlong = [:]
    } else {
      (tensors, savedAlong) = try PEFTTensorName.sort(file, place: place.path)
    }
    try fields.requireModulesToSave(among: savedAlong.keys)
  }

  /// Throws ``FormatError`` when `target_modules` and what goes with it disagree with the modules that have tensors.
  package func checkTargets() throws { try ModuleSelection(fields)?.check(modules) }

  /// The modules that have tensors: `layers.3.mlp.up_proj`.
  package var modules: Set<String> {
    Set(
      tensors.keys.compactMap { name in
        guard case .part(let module, _, _) = PEFTTensorName(name) else { return nil }
        return ModulePath.path(of: module)
      })
  }

  /// Sorted.
  package var names: [String] { tensors.keys.sorted() }

  package func contains(_ name: String) -> Bool { tensors[name] != nil }

  /// - Throws: ``FormatError`` when it is not there, holds no floats, or a value is infinite or not a number
  package func tensor(_ name: String) throws -> (shape: [Int], values: [Float]) {
    guard let tensor = tensors[name] else { throw FormatError.noSuchTensor(file: place.path, name: name) }
    func broken(_ problem: String) -> FormatError {
      .malformed(
        file: place.path, place: "tensor \(quoted(name))", problem: problem, mend: "save the adapter again")
    }
    guard [.f32, .f16, .bf16, .f64].contains(tensor.type) else {
      throw broken("it holds \(tensor.type.name), not floats")
    }
    let values = try tensor.floats()
    if let index = values.firstIndex(where: { !$0.isFinite }) {
      throw broken("element \(index) is \(values[index])")
    }
    return (tensor.shape, values)
  }

  /// How the file calls a parameter of a site: `("layers.3.mlp.up_proj", "lora_A.weight")`.
  package static func tensorName(_ site: String, _ parameter: String) -> String {
    "base_model.model.\(ModulePath.module(of: site)).\(parameter)"
  }

  /// The sites that have `parameter`, sorted.
  package func sites(with parameter: String) -> [String] {
    let root = "base_model.model."
    return names.filter { $0.hasPrefix(root) && $0.hasSuffix("." + parameter) }.map { name in
      ModulePath.path(of: String(name.dropFirst(root.count).dropLast(parameter.count + 1)))
    }.sorted()
  }

  /// Writes both files, complete before either replaces an older one.
  /// - Throws: ``FormatError/unwritable(file:reason:)``
  package static func write(
    _ members: [String: JSONValue], _ tensors: [(name: String, shape: [Int], values: [Float])],
    to folder: URL
  ) throws {
    let tensors = tensors.map { tensor in
      SafetensorsWriter.Tensor(name: tensor.name, shape: tensor.shape) { tensor.values }
    }
    try write(members, tensors, to: folder)
  }

  /// The same for tensors that are not all in f32.
  package static func write(
    _ members: [String: JSONValue], _ tensors: [SafetensorsWriter.Tensor], to folder: URL
  ) throws {
    let weights = folder.appendingPathComponent(PEFTAdapterFile.weightsName)
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
      throw FormatError.unwritable(
        file: folder.path, reason: "the folder cannot be made; check the path and who owns it")
    }
    let text = JSONValue.object(members).text(indent: 2) + "\n"
    try AtomicFile.write([
      AtomicFile.Part(url: weights) { output in
        try SafetensorsWriter.stream(tensors, metadata: ["format": "pt"], file: weights.path, to: output)
      },
      AtomicFile.Part(url: folder.appendingPathComponent(PEFTConfiguration.fileName)) { output in
        try output.write(Data(text.utf8))
      },
    ])
  }
}
