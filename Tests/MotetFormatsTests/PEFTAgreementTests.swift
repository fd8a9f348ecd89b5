import Foundation
import Testing

@testable import MotetFormats

/// How tensors may be called, and what a configuration says of them that they do not bear out.
@Suite struct PEFTAgreementTests {
  @Test(arguments: [
    "base_model.model.model.layers.3.mlp.up_proj.lora_A.weight",
    "base_model.model.model.layers.3.mlp.up_proj.lora_A.default.weight",
    "model.layers.3.mlp.up_proj.lora_A.weight",
    "base_model.model.module.model.layers.3.mlp.up_proj.lora_A.weight",
    "module.base_model.model.model.layers.3.mlp.up_proj.lora_A.math.weight",
    "_orig_mod.base_model.model.model.layers.3._checkpoint_wrapped_module.mlp.up_proj.lora_A.weight",
  ])
  func aParameterIsTheSameUnderEveryName(name: String) {
    guard case .part(let module, let parameter, _) = PEFTTensorName(name) else {
      Issue.record("\(name) is no parameter")
      return
    }
    #expect(module == "model.layers.3.mlp.up_proj")
    #expect(parameter == "lora_A.weight")
  }

  @Test(arguments: [
    "base_model.model.lm_head.weight", "base_model.model.lm_head.base_layer.weight",
    "base_model.model.lm_head.modules_to_save.weight",
    "base_model.model.lm_head.modules_to_save.default.weight",
    "base_model.model.lm_head.original_module.weight", "lm_head.weight",
  ])
  func aTensorOfTheBaseIsTheSameUnderEveryName(name: String) {
    #expect(PEFTTensorName(name) == .whole("lm_head.weight"))
  }

  /// `[rank, 16]` and `[outputs, rank]` of these modules of a base of width 16.
  private func tensors(
    _ modules: [String], rank: Int = 3, adapter: String = ""
  ) -> [SafetensorsWriter.Tensor] {
    modules.flatMap { module in
      let name = "base_model.model.model.\(module)"
      return [
        SafetensorsWriter.Tensor(name: "\(name).lora_A.\(adapter)weight", shape: [rank, 16]) {
          [Float](repeating: 1, count: rank * 16)
        },
        SafetensorsWriter.Tensor(name: "\(name).lora_B.\(adapter)weight", shape: [8, rank]) {
          [Float](repeating: 1, count: 8 * rank)
        },
      ]
    }
  }

  private func withAdapter(
    _ members: [String: JSONValue], _ tensors: [SafetensorsWriter.Tensor], _ body: (URL) throws -> Void
  ) throws {
    try withTemporaryFolder { folder in
      let plain: [String: JSONValue] = [
        "peft_type": .string("LORA"), "r": .int(3), "lora_alpha": .int(6),
        "target_modules": .array([.string("k_proj")]),
      ]
      let text = JSONValue.object(plain.merging(members) { $1 }).text()
      try Data(text.utf8).write(to: folder.appendingPathComponent("adapter_config.json"))
      try SafetensorsWriter.write(tensors, to: folder.appendingPathComponent("adapter_model.safetensors"))
      try body(folder)
    }
  }

  private let keys = ["layers.0.self_attn.k_proj", "layers.1.self_attn.k_proj"]

  @Test func aConfigurationThatItsTensorsDoNotBearOutIsRefused() throws {
    let strings = { (names: [String]) in JSONValue.array(names.map { .string($0) }) }
    let cases: [(members: [String: JSONValue], modules: [String], says: String)] = [
      (["target_modules": strings(["k_proj", "o_proj"])], keys, "lists 'o_proj'"),
      ([:], keys + ["layers.0.self_attn.v_proj"], "'layers.0.self_attn.v_proj', which it does not take"),
      (["target_modules": .string(#".*\.0\.self_attn\.k_proj"#)], keys, "'layers.1.self_attn.k_proj'"),
      (["exclude_modules": strings(["layers.1.self_attn.k_proj"])], keys, "'layers.1.self_attn.k_proj'"),
      (["layers_to_transform": .array([.int(0)])], keys, "'layers.1.self_attn.k_proj'"),
      (["layers_to_transform": .array([.int(0), .int(1), .int(5)])], keys, "lists layer 5"),
      (["rank_pattern": .object(["v_proj": .int(3)])], keys, "'rank_pattern': 'v_proj' names no module"),
      (["alpha_pattern": .object(["k_porj": .int(3)])], keys, "'alpha_pattern': 'k_porj' names no module"),
      (["modules_to_save": strings(["lm_head"])], keys, "'modules_to_save': it lists 'lm_head'"),
      (["r": .int(4)], keys, "do not share the rank 4"),
      (["use_dora": .bool(true)], keys, "lora_magnitude_vector"),
    ]
    for (members, modules, says) in cases {
      try withAdapter(members, tensors(modules)) { folder in
        let message = refusal { _ = try PEFTAdapterFile.read(folder) }
        #expect(message.contains(says), "\(message)")
      }
    }
  }

  @Test func whatPEFTTakesIsTaken() throws {
    let cases: [[String: JSONValue]] = [
      ["bias": .string("all")], ["bias": .string("lora_only")],
      // Names that no module of a Llama has.
      ["target_modules": .array([.string("k_proj"), .string("query_key_value")])],
      [
        "target_modules": .array(keys.map { .string("model." + $0) }),
        "layers_to_transform": .array([.int(0), .int(1)]),
      ],
      ["target_modules": .string("all-linear")],
      // A pattern that is not tried here: the tensors tell.
      ["target_modules": .string("(?:.*?(?:self_attn|mlp).*?(?:k_proj|v_proj).*?)|(?:.*x.*)")],
      ["layers_to_transform": .array([.int(0), .int(1)]), "layers_pattern": .string("layers")],
    ]
    for members in cases {
      try withAdapter(members, tensors(keys)) { folder in
        let found = try PEFTAdapterFile.read(folder).sites.map(\.path)
        #expect(found == keys)
      }
    }
    try withAdapter([:], tensors(keys, adapter: "default.")) { folder in
      let found = try PEFTAdapterFile.read(folder).sites.map(\.path)
      #expect(found == keys)
    }
  }

  @Test func severalAdaptersInOneFileAndTrainedBiasesAreRefused() throws {
    let two = tensors([keys[0]], adapter: "default.") + tensors([keys[1]], adapter: "other.")
    try withAdapter([:], two) { folder in
      #expect(refusal { _ = try PEFTAdapterFile.read(folder) }.contains("'default', 'other'"))
    }
    let twice = tensors([keys[0]], adapter: "default.") + tensors([keys[0]])
    try withAdapter([:], twice) { folder in
      #expect(refusal { _ = try PEFTAdapterFile.read(folder) }.contains("is the same parameter"))
    }
    let bias = SafetensorsWriter.Tensor(
      name: "base_model.model.model.layers.0.self_attn.k_proj.bias", shape: [8]
    ) { [Float](repeating: 0, count: 8) }
    try withAdapter(["bias": .string("all")], tensors(keys) + [bias]) { folder in
      #expect(refusal { _ = try PEFTAdapterFile.read(folder) }.contains("a trained bias"))
    }
    let magnitude = SafetensorsWriter.Tensor(
      name: "base_model.model.model.layers.0.self_attn.k_proj.lora_magnitude_vector", shape: [8]
    ) { [Float](repeating: 0, count: 8) }
    try withAdapter([:], tensors(keys) + [magnitude]) { folder in
      #expect(refusal { _ = try PEFTAdapterFile.read(folder) }.contains("does not say \"use_dora\": true"))
    }
  }

  @Test func whatLiesThereInPlaceOfAnAdapterIsNamed() throws {
    let cases = [
      ("adapter_model.bin", "safe_serialization=True"), ("adapters.safetensors", "an adapter of MLX"),
      ("lora-f16.gguf", "an adapter of llama.cpp"),
      ("adapter_model.safetensors.incomplete", "has not ended"),
    ]
    for (name, says) in cases {
      try withAdapter([:], []) { folder in
        try FileManager.default.removeItem(at: folder.appendingPathComponent("adapter_model.safetensors"))
        try Data("x".utf8).write(to: folder.appendingPathComponent(name))
        #expect(refusal { _ = try PEFTAdapterFile.read(folder) }.contains(says))
        #expect(refusal { _ = try PEFTFolder(folder) }.contains(says))
      }
    }
  }

  @Test func anAdapterBelowAFolderIsFoundAndSeveralAreNamed() throws {
    try withTemporaryFolder { root in
      for name in ["out/checkpoint-10", "out/checkpoint-20"] {
        let folder = root.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        #expect(
          try AdapterPlace.find(in: root).path
            == (name.hasSuffix("10") ? root.path : root.path + "/out/checkpoint-10"))
        try Data("{}".utf8).write(to: folder.appendingPathComponent("adapter_config.json"))
        if name.hasSuffix("10") {
          #expect(try AdapterPlace.find(in: root).path == folder.path)
        }
      }
      let message = refusal { _ = try AdapterPlace.find(in: root) }
      #expect(message.contains("'out/checkpoint-10', 'out/checkpoint-20'"), "\(message)")
    }
  }
}
