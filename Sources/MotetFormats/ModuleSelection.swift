import Foundation

/// Which modules an adapter's configuration says that it adapts, for checks against the tensors that are there.
///
/// Source: PEFT 0.21, `check_target_module_exists` in `peft/tuners/tuners_utils.py`.
package struct ModuleSelection {
  private let targets: ModuleSelector
  private let excluded: ModuleSelector?
  private let layers: [Int]?
  private let layersPattern: [String]
  private let fields: ConfigurationFields

  /// nil for a configuration without `target_modules`.
  package init?(_ fields: ConfigurationFields) throws {
    guard let targets = try Self.selector("target_modules", fields) else { return nil }
    self.targets = targets
    excluded = try Self.selector("exclude_modules", fields)
    layers = fields.present("layers_to_transform") == nil ? nil : try fields.ints("layers_to_transform")
    layersPattern = try fields.strings("layers_pattern")
    self.fields = fields
  }

  package static func selector(_ name: String, _ fields: ConfigurationFields) throws -> ModuleSelector? {
    guard let value = fields.present(name) else { return nil }
    if let text = value.stringValue { return text == "all-linear" ? .allLinear : .pattern(text) }
    return .list(try fields.strings(name))
  }

  /// Whether the module at `path` (`layers.3.self_attn.q_proj`) is meant; nil where a pattern cannot be used here.
  package func takes(_ path: String) -> Bool? {
    let module = ModulePath.module(of: path)
    if let excluded {
      guard let isExcluded = try? excluded.matches(path) else { return nil }
      if isExcluded { return false }
    }
    guard let isTarget = try? targets.matches(path) else { return nil }
    guard isTarget, case .list(let names) = targets, !names.contains(module), let layers else {
      return isTarget
    }
    return layer(of: module).map(layers.contains) ?? false
  }

  /// The number after the last word that holds layers, as PEFT's regular expression finds it.
  private func layer(of module: String) -> Int? {
    let words = module.split(separator: ".")
    let places = words.indices.dropFirst(2).dropLast().filter { place in
      Int(words[place]) != nil
        && (layersPattern.isEmpty || layersPattern.contains(String(words[place - 1])))
    }
    return places.last.flatMap { Int(words[$0]) }
  }

  /// What the modules of Llama and of most other families are called.
  private static let modules: Set<String> = [
    "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "lm_head", "embed_tokens",
  ]

  /// Throws ``FormatError`` when the configuration and the modules that have tensors disagree: a module that is not
  /// among its targets, a target or a layer without tensors. Names of other modules are passed over, as in
  /// PEFT.
  package func check(_ paths: some Collection<String>) throws {
    if let stray = paths.sorted().first(where: { takes($0) == false }) {
      throw fields.disagreement(
        "target_modules", "the weights hold tensors for \(quoted(stray)), which it does not take")
    }
    guard case .list(let names) = targets else { return }
    // A family with other modules is asked for what it has: see ``missing(of:present:)``.
    let isUsual = paths.allSatisfy { Self.modules.contains(String($0.split(separator: ".").last ?? "")) }
    for name in names.sorted()
    where isUsual && Self.modules.contains(String(name.split(separator: ".").last ?? "")) {
      let isThere = paths.contains { path in
        let module = ModulePath.module(of: path)
        return module == name || module.hasSuffix("." + name)
      }
      if !isThere {
        throw fields.disagreement(
          "target_modules", "it lists \(quoted(name)), which the weights hold no tensors for")
      }
    }
    let held = Set(paths.compactMap { layer(of: ModulePath.module(of: $0)) })
    if let layer = (layers ?? []).sorted().first(where: { !held.contains($0) }) {
      throw fields.disagreement(
        "layers_to_transform", "it lists layer \(layer), which the weights hold no tensors for")
    }
  }

  /// The first of a model's modules that is meant and has no tensors.
  package func missing(of model: [String], present: Set<String>) -> String? {
    model.first { !present.contains($0) && takes($0) == true }
  }
}

extension ConfigurationFields {
  /// The members of `adapter_config.json` in `folder`. Throws ``FormatError``.
  init(adapter folder: URL) throws {
    let url = folder.appendingPathComponent(PEFTConfiguration.fileName)
    self.init(file: url.path, members: try JSONValue.object(contentsOf: url))
  }

  /// Throws ``FormatError`` when `modules_to_save` lists a module (`lm_head`) that is not among the tensors saved along.
  func requireModulesToSave(among tensors: some Collection<String>) throws {
    guard let value = members["modules_to_save"], !value.isAbsent else { return }
    for name in try strings("modules_to_save") {
      let isThere = tensors.contains { tensor in
        let module = tensor.split(separator: ".").dropLast().joined(separator: ".")
        return module == name || module.hasSuffix("." + name)
      }
      if !isThere {
        throw disagreement("modules_to_save", "it lists \(quoted(name)), which the weights do not hold")
      }
    }
  }

  /// What the configuration says and the weights beside it do not bear out.
  package func disagreement(_ name: String, _ problem: String) -> FormatError {
    .malformed(
      file: file, place: quoted(name), problem: problem,
      mend: "the two files belong to different adapters, or one was edited: save the adapter again")
  }
}
