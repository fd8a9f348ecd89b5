import Foundation
import Testing

@testable import MotetFormats

@Suite struct PEFTTests {
  /// The fixture's adapter, with members of its configuration replaced.
  private func withAdapter<R>(_ changes: [String: JSONValue] = [:], _ body: (URL) throws -> R) throws -> R {
    try withTemporaryFolder { folder in
      let source = Fixtures.url("adapter")
      for name in ["adapter_model.safetensors", "adapter_config.json"] {
        try Data(contentsOf: source.appendingPathComponent(name)).write(
          to: folder.appendingPathComponent(name))
      }
      let url = folder.appendingPathComponent("adapter_config.json")
      let members = try JSONValue.object(contentsOf: url).merging(changes) { $1 }
      try Data(JSONValue.object(members).text().utf8).write(to: url)
      return try body(folder)
    }
  }

  @Test func readsAnAdapterThatPEFTWrote() throws {
    let (configuration, sites) = try PEFTAdapterFile.read(Fixtures.url("adapter"))
    #expect(configuration.rank == 3)
    #expect(configuration.alpha == 6)
    #expect(configuration.dropout == 0.05)
    #expect(configuration.taskType == "CAUSAL_LM")
    #expect(configuration.rankPattern == ["q_proj": 2])
    #expect(sites.count == 14)
    #expect(sites.map(\.path) == sites.map(\.path).sorted())
    let query = try #require(sites.first { $0.path == "layers.1.self_attn.q_proj" })
    #expect((query.rank, query.in, query.out) == (2, 16, 16))
    let down = try #require(sites.first { $0.path == "layers.1.mlp.down_proj" })
    #expect((down.rank, down.in, down.out) == (3, 24, 16))
    let file = try SafetensorsFile(contentsOf: Fixtures.url("adapter/adapter_model.safetensors"))
    let name = "base_model.model.model.layers.1.mlp.down_proj.lora_B.weight"
    #expect(try down.loraB == file.tensor(name).floats())
    #expect(try configuration.scale(at: "layers.1.mlp.down_proj") == 3)
    #expect(try configuration.scale(at: "layers.0.mlp.down_proj") == 2)
    #expect(try configuration.scale(at: "layers.0.self_attn.q_proj") == 3)
    #expect(try configuration.targetModules.matches("layers.0.self_attn.q_proj"))
    #expect(try !configuration.targetModules.matches("lm_head"))
  }

  @Test func readsBackWhatItWrote() throws {
    try withTemporaryFolder { folder in
      let (configuration, sites) = try PEFTAdapterFile.read(Fixtures.url("adapter"))
      try PEFTAdapterFile.write(configuration, sites, to: folder.appendingPathComponent("a/b"))
      let again = try PEFTAdapterFile.read(folder.appendingPathComponent("a/b"))
      #expect(again.configuration == configuration)
      #expect(again.sites == sites)
      let theirs = try SafetensorsFile(contentsOf: Fixtures.url("adapter/adapter_model.safetensors"))
      let ours = try SafetensorsFile(
        contentsOf: folder.appendingPathComponent("a/b/adapter_model.safetensors"))
      #expect(ours.names == theirs.names)
    }
  }

  @Test func keepsEveryPartOfAConfiguration() throws {
    let configuration = PEFTConfiguration(
      rank: 4, alpha: 8.5, targetModules: .pattern(#".*\.(q|v)_proj"#), excludeModules: .list(["lm_head"]),
      dropout: 0.1, useRSLoRA: true, rankPattern: ["k_proj": 8], alphaPattern: ["k_proj": 16.25],
      layersToTransform: [0, 3], layersPattern: ["layers"], fanInFanOut: false, taskType: nil,
      baseModelNameOrPath: "some/\"model\"")
    for targets in [configuration.targetModules, .allLinear, .list(["q_proj"])] {
      var changed = configuration
      changed.targetModules = targets
      try withTemporaryFolder { folder in
        try changed.json().write(to: folder.appendingPathComponent("adapter_config.json"))
        let again = try PEFTConfiguration(contentsOf: folder)
        #expect(again == changed)
      }
    }
    #expect(try configuration.scale(at: "layers.0.self_attn.q_proj") == 8.5 / 2)
  }

  @Test func matchesModulesAsPEFTDoes() throws {
    let path = "layers.3.self_attn.q_proj"
    #expect(try ModuleSelector.list(["q_proj"]).matches(path))
    #expect(try ModuleSelector.list(["model.layers.3.self_attn.q_proj"]).matches(path))
    #expect(try !ModuleSelector.list(["proj", "k_proj"]).matches(path))
    #expect(try ModuleSelector.pattern(#"model\.layers\.\d+\.self_attn\.(q|v)_proj"#).matches(path))
    #expect(try !ModuleSelector.pattern(#"layers\.3.*"#).matches(path))
    #expect(try ModuleSelector.allLinear.matches(path))
    #expect(try !ModuleSelector.allLinear.matches("lm_head"))
    let configuration = PEFTConfiguration(
      rank: 1, alpha: 1, targetModules: .allLinear,
      rankPattern: [#"^model\.layers\.3\..*"#: 5, #"layers\.[45]\.mlp\.up_proj"#: 6])
    #expect(try configuration.rank(at: path) == 5)
    #expect(try configuration.rank(at: "layers.5.mlp.up_proj") == 6)
    #expect(try configuration.rank(at: "layers.6.mlp.up_proj") == 1)
  }

  @Test func refusesPatternsThatCouldRunForEver() {
    for pattern in ["(a+)+$", "(a*){9}", ".*.*.*.*.*.*x", "("] {
      #expect(refusal { _ = try ModuleSelector.pattern(pattern).matches("a") }.contains("pattern"))
    }
    let configuration = PEFTConfiguration(
      rank: 1, alpha: 1, targetModules: .allLinear, alphaPattern: ["q_proj": 2, "self_attn.q_proj": 3])
    #expect(
      refusal { _ = try configuration.alpha(at: "layers.0.self_attn.q_proj") }.contains("two different"))
  }

  static let wrong: [(member: String, value: JSONValue, says: String)] = [
    ("peft_type", .string("IA3"), "method 'IA3'"), ("use_dora", .bool(true), "lora_magnitude_vector"),
    ("modules_to_save", .array([.string("lm_head")]), "modules_to_save"),
    ("lora_bias", .bool(true), "lora_B"), ("trainable_token_indices", .array([.int(1)]), "embeddings"),
    ("layer_replication", .array([.array([.int(0), .int(1)])]), "replicated"),
    ("init_lora_weights", .string("pissa_niter_4"), "pissa"), ("target_modules", .null, "missing"),
    ("target_modules", .int(3), "neither a string"), ("r", .int(0), "rank 0"), ("r", .int(1 << 40), "rank"),
    ("r", .int(4), "do not share the rank 4"), ("lora_alpha", .string("x"), "no number"),
    ("lora_dropout", .int(2), "lora_dropout"), ("rank_pattern", .object(["q_proj": .double(1.5)]), "whole"),
    ("alora_invocation_tokens", .array([.int(1)]), "activated"), ("use_qalora", .bool(true), "QA-LoRA"),
  ]

  @Test(arguments: wrong.indices) func refusesAnotherMethod(index: Int) throws {
    let (member, value, says) = Self.wrong[index]
    try withAdapter([member: value]) { folder in
      let message = refusal { _ = try PEFTAdapterFile.read(folder) }
      #expect(message.contains(says) && message.hasPrefix(folder.path), "\(message)")
    }
  }

  @Test func passesOverMembersItDoesNotKnow() throws {
    try withAdapter(["a_later_peft": .object(["x": .int(1)])]) { folder in
      let sites = try PEFTAdapterFile.read(folder).sites
      #expect(sites.count == 14)
    }
  }

  @Test func refusesDamagedTensors() throws {
    let root = "base_model.model.model.layers.0.self_attn.k_proj"
    func tensor(_ name: String, _ shape: [Int], _ value: Float = 1) -> SafetensorsWriter.Tensor {
      .init(name: name, shape: shape) { [Float](repeating: value, count: shape.reduce(1, *)) }
    }
    let a = tensor(root + ".lora_A.weight", [3, 16])
    let cases: [([SafetensorsWriter.Tensor], String)] = [
      ([a], "partner"), ([tensor(root + ".lora_B.weight", [8, 3])], "partner"),
      ([a, tensor(root + ".lora_B.weight", [8, 3], .nan)], "lora_B.weight': element 0 is nan"),
      ([a, tensor(root + ".lora_B.weight", [8, 3], .infinity)], "element 0 is inf"),
      ([a, tensor(root + ".lora_B.weight", [8, 4])], "do not share the rank 3"),
      ([a, tensor(root + ".lora_B.weight", [24])], "no matrix"),
      ([a, tensor(root + ".lora_B.weight", [0, 3])], "no matrix"),
      ([a, tensor(root + ".lora_magnitude_vector", [8])], "lora_magnitude_vector"),
      ([a, tensor("base_model.model.model.embed_tokens.lora_embedding_A", [3, 40])], "lora_embedding_A"),
      (
        [a, .init(name: root + ".lora_B.weight", shape: [8, 3], type: .i8, data: Data(count: 24))],
        "not floats"
      ),
      ([], "no tensors"),
    ]
    let plain: [String: JSONValue] = [
      "target_modules": .array([.string("k_proj")]), "rank_pattern": .null, "alpha_pattern": .null,
    ]
    for (tensors, says) in cases {
      try withAdapter(plain) { folder in
        try SafetensorsWriter.write(tensors, to: folder.appendingPathComponent("adapter_model.safetensors"))
        let message = refusal { _ = try PEFTAdapterFile.read(folder) }
        #expect(message.contains(says) && message.contains("adapter_model.safetensors"), "\(message)")
      }
    }
  }

  @Test func saysWhenThereIsOnlyAPickleOrNothing() throws {
    try withAdapter { folder in
      try FileManager.default.removeItem(at: folder.appendingPathComponent("adapter_model.safetensors"))
      #expect(refusal { _ = try PEFTAdapterFile.read(folder) }.contains("no such file"))
      try Data().write(to: folder.appendingPathComponent("adapter_model.bin"))
      #expect(refusal { _ = try PEFTAdapterFile.read(folder) }.contains("safe_serialization=True"))
      try FileManager.default.removeItem(at: folder.appendingPathComponent("adapter_config.json"))
      #expect(refusal { _ = try PEFTAdapterFile.read(folder) }.contains("adapter_config.json: no such file"))
    }
  }

  @Test func writesNothingThatCouldNotBeRead() throws {
    try withAdapter { folder in
      let before = try PEFTAdapterFile.read(folder)
      let site = before.sites[0]
      func changed(rank: Int? = nil, loraB: [Float]? = nil) -> PEFTAdapterFile.Site {
        .init(
          path: site.path, rank: rank ?? site.rank, in: site.in, out: site.out, loraA: site.loraA,
          loraB: loraB ?? site.loraB)
      }
      var poisoned = site.loraB
      poisoned[5] = .nan
      for (wrong, says) in [
        (changed(loraB: poisoned), "NaN"), (changed(loraB: [1]), "do not fit"),
        (changed(rank: 5), "do not fit"),
      ] {
        let message = refusal { try PEFTAdapterFile.write(before.configuration, [wrong], to: folder) }
        #expect(message.contains(says) && message.contains(site.path), "\(message)")
      }
      var other = before.configuration
      other.rank = 7
      #expect(refusal { try PEFTAdapterFile.write(other, [site], to: folder) }.contains("another rank"))
      #expect(try PEFTAdapterFile.read(folder).sites == before.sites)
    }
  }
}
