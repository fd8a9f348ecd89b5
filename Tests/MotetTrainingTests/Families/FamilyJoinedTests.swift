import Foundation
import MotetAdapters
import MotetFormats
import MotetTensor
import MotetTokenizers
import Testing

@testable import MotetModels

/// Every family in stored blocks, through all layers at once and by operators: the same bits.
@Suite struct FamilyJoinedTests {
  /// But those whose divisors of frequencies are as many as the fixture's head has pairs.
  @Test(arguments: FamilyFixture.all.filter { !$0.name.contains("longrope") })
  @Compute func isTheSameThroughAllLayersAtOnceAndByOperators(fixture: FamilyFixture) async throws {
    let source = try BlockModel(fixture)
    let base = try await FamilyFixture.load(source, .stored)
    // GPT-2 has no gate and norms that are not RMS, others a bias of what attention or the gate gives: by operators.
    let hasOtherBias = source.tensorNames.contains {
      $0.hasSuffix("o_proj.bias") || $0.hasSuffix("down_proj.bias")
    }
    #expect((base.weights.whole != nil) == (fixture.family != "gpt2" && !hasOtherBias))
    let mixes = [
      BoundMix.base, try BoundMix([(PreparedAdapter(try noisyAdapter(on: base), for: base), 1)], to: base),
    ]
    /// Logits of two rows after their prompts and after each of some steps, beyond every fixture's window.
    func steps(joins: Bool) throws -> [[Float]] {
      let pool = base.keyValuePool()
      let caches = mixes.map { _ in KeyValueCache(in: pool) }
      var lengths = [0, 0]
      return try [9, 1, 2, 1, 1].enumerated().map { step, size in
        var batch: [BatchRow] = []
        for row in mixes.indices {
          let tokens = (0..<size).map { (place: Int) -> Int32 in Int32((7 * step + 5 * place + 3 * row) % 61)
          }
          batch.append(BatchRow(tokens: tokens, mix: mixes[row], start: lengths[row], cache: caches[row]))
          lengths[row] += size
        }
        let tape = base.tape(recording: false)
        tape.joinsOperators = joins
        return try base.logits(batch, at: [size - 1, 2 * size - 1], on: tape).values
      }
    }
    let (joined, apart) = (try steps(joins: true), try steps(joins: false))
    let isSame = joined == apart
    #expect(isSame, "off by \(zip(joined.joined(), apart.joined()).map { abs($0 - $1) }.max() ?? 0)")
    // The adapter changes something, and so does every step.
    #expect(Set(joined.map { $0[0] }).count == joined.count)
    #expect(joined.allSatisfy { $0.allSatisfy(\.isFinite) && $0.prefix(61) != $0.suffix(61) })
  }

  /// On every site, with a B that is not zero.
  @Compute private func noisyAdapter(on base: BaseModel) throws -> Adapter {
    let fresh = try LoRA(rank: 4).initialWeights(for: base, seed: 1)
    var random = SeededGenerator(seed: 2)
    var sites: [String: LowRankWeights] = [:]
    for (path, site) in fresh.sites.sorted(by: { $0.key < $1.key }) {
      sites[path] = try LowRankWeights(
        rank: site.rank, inputs: site.inputs, outputs: site.outputs, loraA: site.loraA,
        loraB: site.loraB.map { _ in Float.random(in: -0.2...0.2, using: &random) }, scale: site.scale)
    }
    return Adapter(name: "a", weights: try AdapterWeights(sites: sites))
  }
}

/// A family's model of sizes that blocks of 32 fit, with random weights of 8 bits.
private struct BlockModel: ModelSource {
  let model: ModelDescription
  let path: String
  var tensorNames: [String] { model.tensors.map(\.name) }
  var notes: [String] { [] }

  init(_ fixture: FamilyFixture) throws {
    path = fixture.model.appending(path: "config.json").path
    let sizes = [
      "hidden_size": 64, "n_embd": 64, "intermediate_size": 96, "head_dim": 16, "n_inner": 128,
    ]
    var changed = try JSONValue.object(contentsOf: URL(filePath: path))
    for (name, value) in sizes where changed[name] != nil { changed[name] = .int(value) }
    let fields = ConfigurationFields(file: path, members: changed)
    let type = try fields.string("model_type")
    model = try #require(Architectures.all.first { $0.modelTypes.contains(type) }).model(fields)
  }

  func shape(_ name: String) throws -> [Int] { try #require(TensorInventory(model)[name]).shape }
  func contains(_ name: String) -> Bool { TensorInventory(model)[name] != nil }

  /// A step of blocks, and codes: values are steps times codes.
  private func codes(_ name: String) throws -> (step: Float, codes: [Int8]) {
    var random = SeededGenerator(seed: name.utf8.reduce(7) { $0 &* 31 &+ UInt64($1) })
    let count = try shape(name).reduce(1, *)
    return (1.0 / 512, (0..<count).map { _ in Int8.random(in: -127...127, using: &random) })
  }

  func floats(_ name: String) throws -> [Float] {
    let (step, codes) = try codes(name)
    return codes.map { Float($0) * step }
  }

  func stored(_ name: String) throws -> StoredBlocks? {
    let shape = try shape(name)
    guard shape.count == 2, shape[1] % 32 == 0 else { return nil }
    let (step, codes) = try codes(name)
    let scale = Float16(step).bitPattern
    var bytes: [UInt8] = []
    for start in stride(from: 0, to: codes.count, by: 32) {
      bytes +=
        [UInt8(scale & 0xFF), UInt8(scale >> 8)] + codes[start..<start + 32].map { UInt8(bitPattern: $0) }
    }
    return StoredBlocks(kind: .q8_0, outputs: shape[0], inputs: shape[1], bytes: bytes)
  }

  func tokenizer() throws -> Tokenizer { throw ModelError.noCalibration }
  func template() throws -> ChatTemplate? { nil }
  func companions() throws -> [String: Data] { [:] }
}
