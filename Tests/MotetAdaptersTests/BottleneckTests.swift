import Foundation
import MotetAdapters
import MotetFormats
import MotetModels
import MotetTensor
import Testing

/// Bottleneck modules against PyTorch's (Tests/Fixtures/methods_bottleneck.py), and in company.
@Suite struct BottleneckTests {
  static let folder = TinyModel.folder.appending(path: "../bottleneck").standardizedFileURL

  struct Expected: Decodable {
    let greedy: [[Int32]]
  }

  static func adapter(_ activation: String, on base: BaseModel) throws -> Adapter {
    try Adapter.load(folder.appending(path: activation), for: base)
  }

  @Test(arguments: ["gelu", "relu"])
  @Compute func theLogitsAndTheGreedyTokensAreThoseOfPyTorch(activation: String) async throws {
    let base = try await TinyModel.load()
    let mix = Mix(try Self.adapter(activation, on: base))
    let file = try SafetensorsFile(contentsOf: Self.folder.appending(path: "expected.safetensors"))
    let expected = try JSONDecoder().decode(
      [String: Expected].self, from: Data(contentsOf: Self.folder.appending(path: "expected.json")))
    for (index, tokens) in try TinyModel.sequences().enumerated() {
      let wanted = try file.tensor("\(activation).logits.\(index)").floats()
      #expect(largestDifference(try base.wholeLogits(tokens, mix: mix), wanted) < 1e-4)
      #expect(largestDifference(try base.wholeLogits(tokens, mix: .base), wanted) > 0.1)
    }
    let bound = try mix.bound(to: base)
    let requests = try TinyModel.sequences().map {
      GenerationRequest(prompt: $0, mix: bound, maximumTokens: 12, ignoresEnd: true)
    }
    #expect(try await base.complete(requests) == (try #require(expected[activation]).greedy))
  }

  @Test @Compute func itsFolderIsReadAndWritten() async throws {
    let base = try await TinyModel.load()
    let adapter = try Self.adapter("relu", on: base)
    #expect(adapter.weights.method.name == "bottleneck" && adapter.weights.sites.isEmpty)
    #expect(adapter.weights.parameterCount == 4 * (2 * 6 * 64 + 6 + 64))
    try await TinyModel.withFolder { place in
      try adapter.weights.write(to: place, record: AdapterRecord(motet: "test", base: base.identity))
      #expect(try AdapterWeights(peft: place) == adapter.weights)
      #expect(try AdapterRecord.read(from: place)?.base == base.identity)
    }
  }

  @Test @Compute func rowsOfAllKindsInOneBatchGetWhatTheyWouldGetAlone() async throws {
    let base = try await TinyModel.load()
    let mixes: [Mix] = [
      .base, Mix(try noisyAdapter("a", on: base, seed: 1)), Mix(try Self.adapter("gelu", on: base)),
      Mix(try Self.adapter("relu", on: base)), Mix(try VirtualTokenTests.adapter("prompt", on: base)),
      Mix(try VirtualTokenTests.adapter("prefix", on: base)),
    ]
    let bound = try mixes.map { try $0.bound(to: base) }
    for order in [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [2, 4, 2, 5, 3], [2, 2], [3]] {
      let tokens = order.indices.map { row in (0..<3 + row * 2).map { Int32(3 + ($0 * 13 + row * 7) % 280) } }
      let rows = zip(order, tokens).map { BatchRow(tokens: $1, mix: bound[$0]) }
      let count = tokens.reduce(0) { $0 + $1.count }
      let together = try base.logits(rows, at: Array(0..<count), on: Tape(recording: false)).values
      let alone = try zip(order, tokens).flatMap { try base.wholeLogits($1, mix: mixes[$0]) }
      #expect(largestDifference(together, alone) < 1e-4, "\(order)")
    }
    let requests = (0..<12).map { index in
      GenerationRequest(
        prompt: (0...index).map { Int32(3 + $0 * 9) }, mix: bound[index * 5 % 6], maximumTokens: 3 + index,
        ignoresEnd: true)
    }
    let together = try await base.complete(requests, maximumRows: 5)
    for (request, answer) in zip(requests, together) {
      #expect(try await base.complete([request])[0] == answer)
    }
  }

  @Test @Compute func whatModulesCannotDoIsRefusedWithTheReason() async throws {
    let base = try await TinyModel.load()
    let adapter = try Self.adapter("gelu", on: base)
    for ability in Ability.allCases {
      let error = #expect(throws: MethodError.self) { try Mix(adapter).require(ability) }
      #expect("\(error.map { "\($0)" } ?? "")".contains("its modules are not linear"))
    }
    #expect(throws: MethodError.self) { try Mix([(adapter, 0.5)]).bound(to: base) }
    #expect(throws: MethodError.self) { try Merge.method(named: "svd").merge([(adapter.weights, 1)]) }
    #expect(throws: MethodError.self) {
      try FusedModel(base, mix: Mix(adapter)).write(to: FileManager.default.temporaryDirectory)
    }
  }

  @Test func modulesThatDoNotFitAreRefusedByName() async throws {
    let base = try await TinyModel.load()
    let weights = try Self.adapter("gelu", on: base).weights
    let content = try #require(weights.content)
    func complaint(_ change: (inout [String: HostTensor]) throws -> Void) throws -> String {
      var changed = content
      try change(&changed.tensors)
      let error = #expect(throws: (any Error).self) {
        let weights = try AdapterWeights(sites: [:], content: changed)
        let place = FileManager.default.temporaryDirectory.appending(path: "motet-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: place) }
        try weights.write(to: place)
        _ = try Adapter.load(place, name: "x", for: base)
      }
      return error.map { "\($0)" } ?? "nothing is wrong"
    }
    let name = "layers.1.feed_forward.up.bias"
    #expect(try complaint { $0[name] = nil } == "there is no tensor \(name)")
    let wrong = try HostTensor(shape: [3], [1, 2, 3], named: name)
    #expect(try complaint { $0[name] = wrong }.contains("\(name) is [3], where the others ask for [64]"))
    #expect(try complaint { $0["stray"] = wrong }.contains("the tensor stray is no part"))
    func narrow(_ tensor: HostTensor) throws -> HostTensor {
      let shape = tensor.shape.map { $0 == 64 ? 32 : $0 }
      return try HostTensor(shape: shape, Array(tensor.values.prefix(shape.reduce(1, *))), named: "x")
    }
    #expect(
      try complaint { $0 = try $0.mapValues(narrow) }
        .contains("its modules take 32 values, and the base's hidden size is 64"))
    #expect(
      try complaint { tensors in
        for (name, tensor) in tensors where name.hasPrefix("layers.1.") {
          tensors[name.replacing("layers.1.", with: "layers.2.")] = tensor
        }
      }.contains("it has a module for layer 2, and the base has 0-1"))
  }
}
