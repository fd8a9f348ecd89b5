import Foundation
import MotetAdapters
import MotetFormats
import MotetModels
import MotetTensor
import Testing

/// Soft prompts and prefixes against PEFT's (Tests/Fixtures/methods_virtual.py), and in company.
@Suite struct VirtualTokenTests {
  static let folder = TinyModel.folder.appending(path: "../virtual").standardizedFileURL

  struct Expected: Decodable {
    let greedy: [[Int32]]
  }

  static func expected() throws -> [String: Expected] {
    try JSONDecoder().decode(
      [String: Expected].self, from: Data(contentsOf: folder.appending(path: "expected.json")))
  }

  static func adapter(_ method: String, on base: BaseModel) throws -> Adapter {
    try Adapter.load(folder.appending(path: method), for: base)
  }

  @Test(arguments: ["prompt", "prefix"])
  @Compute func theLogitsAreThoseOfPEFT(method: String) async throws {
    let base = try await TinyModel.load()
    let mix = Mix(try Self.adapter(method, on: base))
    let file = try SafetensorsFile(contentsOf: Self.folder.appending(path: "expected.safetensors"))
    for (index, tokens) in try TinyModel.sequences().enumerated() {
      let wanted = try file.tensor("\(method).logits.\(index)").floats()
      #expect(largestDifference(try base.wholeLogits(tokens, mix: mix), wanted) < 1e-4)
      #expect(largestDifference(try base.wholeLogits(tokens, mix: .base), wanted) > 0.1)
    }
  }

  @Test(arguments: ["prompt", "prefix"])
  @Compute func theGreedyTokensAreThoseOfPEFT(method: String) async throws {
    let base = try await TinyModel.load()
    let mix = try Mix(try Self.adapter(method, on: base)).bound(to: base)
    let requests = try TinyModel.sequences().map {
      GenerationRequest(prompt: $0, mix: mix, maximumTokens: 12, ignoresEnd: true)
    }
    #expect(try await base.complete(requests) == (try Self.expected()[method]?.greedy))
  }

  @Test(arguments: ["prompt", "prefix"])
  @Compute func theFilesGoBothWays(method: String) async throws {
    let base = try await TinyModel.load()
    let adapter = try Self.adapter(method, on: base)
    #expect(adapter.weights.method.name == method && adapter.weights.sites.isEmpty)
    try await TinyModel.withFolder { place in
      try adapter.weights.write(to: place)
      #expect(try AdapterWeights(peft: place) == adapter.weights)
      let theirs = try JSONValue.object(
        contentsOf: Self.folder.appending(path: "\(method)/adapter_config.json"))
      let ours = try JSONValue.object(contentsOf: place.appending(path: "adapter_config.json"))
      for (key, value) in ours where value != .null {
        #expect(theirs[key] == value || key == "encoder_hidden_size", "\(key)")
      }
    }
  }

  /// Base, a LoRA, a prompt and a prefix: what each mix gives alone it gives in any company.
  @Test @Compute func rowsOfAllKindsInOneBatchGetWhatTheyWouldGetAlone() async throws {
    let base = try await TinyModel.load()
    let mixes: [Mix] = [
      .base, Mix(try noisyAdapter("a", on: base, seed: 1)), Mix(try Self.adapter("prompt", on: base)),
      Mix(try Self.adapter("prefix", on: base)),
    ]
    let bound = try mixes.map { try $0.bound(to: base) }
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 2, 3, 3], [3, 0, 3, 1, 2, 0, 2], [2], [3]] {
      let tokens = order.indices.map { row in (0..<3 + row * 2).map { Int32(3 + ($0 * 13 + row * 7) % 280) } }
      let rows = zip(order, tokens).map { BatchRow(tokens: $1, mix: bound[$0]) }
      let count = tokens.reduce(0) { $0 + $1.count }
      let together = try base.logits(rows, at: Array(0..<count), on: Tape(recording: false)).values
      let alone = try zip(order, tokens).flatMap { try base.wholeLogits($1, mix: mixes[$0]) }
      #expect(largestDifference(together, alone) < 1e-4, "\(order)")
    }
    let requests = (0..<8).map { index in
      GenerationRequest(
        prompt: (0...index).map { Int32(3 + $0 * 9) }, mix: bound[index * 3 % 4], maximumTokens: 3 + index,
        ignoresEnd: true)
    }
    let together = try await base.complete(requests, maximumRows: 3)
    for (request, answer) in zip(requests, together) {
      #expect(try await base.complete([request])[0] == answer)
    }
  }

  @Test @Compute func hiddenStatesOfAPromptAreThoseOfTheTokensAlone() async throws {
    let base = try await TinyModel.load()
    let mix = try Mix(try Self.adapter("prompt", on: base)).bound(to: base)
    let tokens: [Int32] = [5, 6, 7, 8]
    let x = try base.hiddenStates([BatchRow(tokens: tokens, mix: mix)], on: Tape(recording: false))
    #expect(x.rows == tokens.count)
    #expect(try base.meanHiddenStates([tokens], mix: mix) != base.meanHiddenStates([tokens]))
  }

  @Test(arguments: ["prompt", "prefix"])
  @Compute func theContextCountsVirtualTokens(method: String) async throws {
    let base = try await TinyModel.load()
    let mix = try Mix(try Self.adapter(method, on: base)).bound(to: base)
    let batch = GenerationBatch(base)
    let long = [Int32](repeating: 5, count: 128 - mix.virtualTokens)
    #expect(throws: ModelError.tooLong(tokens: 128, context: 128)) {
      try batch.add(GenerationRequest(prompt: long, mix: mix))
    }
    let room = GenerationRequest(
      prompt: Array(long.dropLast(4)), mix: mix, maximumTokens: 50, ignoresEnd: true)
    #expect(try await base.complete([room])[0].count == 4)
  }

  @Test(arguments: ["prompt", "prefix"])
  @Compute func whatVirtualTokensCannotDoIsRefusedWithTheReason(method: String) async throws {
    let base = try await TinyModel.load()
    let adapter = try Self.adapter(method, on: base)
    for ability in Ability.allCases {
      let error = #expect(throws: MethodError.self) { try Mix(adapter).require(ability) }
      let text = error.map { "\($0)" } ?? ""
      #expect(text.hasPrefix("\(method) cannot \(ability.rawValue): it is a \(method) adapter, and "))
    }
    #expect(throws: MethodError.self) { try Mix([(adapter, 0.5)]).bound(to: base) }
    #expect(throws: MethodError.self) { try Merge.method(named: "svd").merge([(adapter.weights, 1)]) }
    #expect(throws: MethodError.self) {
      try FusedModel(base, mix: Mix(adapter)).write(to: FileManager.default.temporaryDirectory)
    }
    #expect(throws: MethodError.self) { try Mix([(adapter, 1), (adapter, 1)]).bound(to: base) }
  }

  @Test(arguments: ["prompt", "prefix"])
  @Compute func aPromptOfAnotherBaseIsRefused(method: String) async throws {
    let base = try await TinyModel.load()
    try await TinyModel.withFolder { place in
      func write(_ count: Int, _ width: Int) throws {
        let tensor = try HostTensor(
          shape: [count, width], [Float](repeating: 0.5, count: count * width), named: "prompt_embeddings")
        let content = MethodContent(method: method, tensors: ["prompt_embeddings": tensor])
        try AdapterWeights(sites: [:], content: content).write(to: place)
      }
      try write(3, 40)
      let error = #expect(throws: ModelError.self) {
        try Adapter.load(place, name: "x", for: base, force: true)
      }
      #expect("\(error.map { "\($0)" } ?? "")".contains("its virtual tokens have 40 values each"))
      try write(128, method == "prompt" ? 64 : 128)
      let long = #expect(throws: ModelError.self) { try Adapter.load(place, name: "x", for: base) }
      #expect("\(long.map { "\($0)" } ?? "")".contains("128 virtual tokens leave no room"))
    }
  }

  @Test(arguments: [
    ("\"num_virtual_tokens\": 5", "\"num_virtual_tokens\": 6", "for 6 virtual tokens"),
    ("\"num_transformer_submodules\": 1", "\"num_transformer_submodules\": 2", "an encoder beside a decoder"),
  ])
  func aConfigurationThatDoesNotFitItsTensorIsRefused(old: String, new: String, problem: String) async throws
  {
    try await TinyModel.withFolder { place in
      let folder = place.appending(path: "broken")
      try FileManager.default.copyItem(at: Self.folder.appending(path: "prompt"), to: folder)
      let file = folder.appending(path: "adapter_config.json")
      let text = try String(contentsOf: file, encoding: .utf8).replacing(old, with: new)
      try Data(text.utf8).write(to: file)
      let error = #expect(throws: (any Error).self) { try AdapterWeights(peft: folder) }
      #expect("\(error.map { "\($0)" } ?? "")".contains(problem))
    }
  }
}
