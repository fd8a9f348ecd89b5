import MotetModels
import MotetTensor
import Testing

@Suite struct BaseIdentityTests {
  /// `original` with noise of a share of each matrix's own root mean square.
  static func noisy(_ original: any ModelSource, share: Float) -> ChangedSource {
    var source = ChangedSource(original)
    source.change = { name, values in
      guard name.hasSuffix("proj.weight") else { return values }
      let size = (values.reduce(0) { $0 + $1 * $1 } / Float(values.count)).squareRoot()
      var generator = SeededGenerator(seed: 5, for: name)
      return values.map { $0 + share * size * Float(generator.normal()) }
    }
    return source
  }

  /// `original` rounded to four bits as Q4_1 does: blocks of 32, a minimum and a step each, both in f16.
  static func rounded(_ original: any ModelSource) -> ChangedSource {
    var source = ChangedSource(original)
    source.change = { name, values in name.hasSuffix("proj.weight") ? fourBit(values) : values }
    return source
  }

  static func fourBit(_ values: [Float]) -> [Float] {
    stride(from: 0, to: values.count, by: 32).flatMap { start -> [Float] in
      let block = values[start..<min(start + 32, values.count)]
      let (low, high) = (block.min() ?? 0, block.max() ?? 0)
      let (step, floor) = (Float(Float16((high - low) / 15)), Float(Float16(low)))
      return block.map { value in
        step == 0 ? floor : floor + step * min(15, max(0, ((value - low) / ((high - low) / 15)).rounded()))
      }
    }
  }

  @Test func fourBitsOfNormalWeightsMoveThemByLessThanATenth() {
    var generator = SeededGenerator(seed: 1)
    let values = (0..<32 * 4096).map { _ in Float(generator.normal()) }
    let rounded = Self.fourBit(values)
    let error = zip(values, rounded).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
    let share = (error / values.reduce(0.0) { $0 + Double($1 * $1) }).squareRoot()
    print("Q4_1 of normal weights: \(share)")
    #expect((0.06..<0.1).contains(share))
  }

  @Test func aBaseFitsItsRoundedCopiesAndNoOtherTraining() async throws {
    let source = try TinyModel.source()
    let own = try await TinyModel.load(source).identity
    let fourBit = try await TinyModel.load(Self.rounded(source)).identity
    #expect(own.mismatch(with: fourBit) == nil)
    let distance = try #require(own.distance(to: fourBit))
    #expect((0.01..<0.15).contains(distance))
    let other = try await TinyModel.load(Self.noisy(source, share: 0.3)).identity
    #expect(own.mismatch(with: other)?.hasPrefix("other weights") == true)
  }

  @Test func everyPartOfTheShapeIsStrict() async throws {
    let own = try await TinyModel.load().identity
    func mismatch(_ change: (inout BaseIdentity) -> Void) -> String? {
      var other = own
      change(&other)
      return own.mismatch(with: other)
    }
    #expect(mismatch { $0.name = "another" } == nil)
    #expect(mismatch { $0.architecture = "bert" } == "architecture llama, not bert")
    #expect(mismatch { $0.layers = 3 } == "2 layers, not 3")
    #expect(mismatch { $0.hidden = 128 } == "hidden size 64, not 128")
    #expect(mismatch { $0.vocabulary = 300 } == "vocabulary of 288, not 300")
    #expect(mismatch { $0.sketch = [:] } == nil)
  }

  @Test(.enabled(if: SmolLM2.isThere))
  func roundingOfTheRealModelStaysWithinTheTolerance() async throws {
    let source = try ModelStore().find(SmolLM2.name).source()
    let own = try await BaseModel.load(source, name: "own", precision: .f32).identity
    var halved = ChangedSource(source)
    halved.change = { _, values in values.map { Float(bitPattern: ($0.bitPattern &+ 0x8000) & 0xffff_0000) } }
    let bf16 = try await BaseModel.load(halved, name: "bf16", precision: .f32).identity
    let rounding = try #require(own.distance(to: bf16))
    print("bf16: sketches \(rounding) apart")
    #expect((1e-4..<5e-3).contains(rounding))
    for share: Float in [0.05, 0.08, 0.1, 0.2] {
      let changed = Self.noisy(source, share: share)
      let other = try await BaseModel.load(changed, name: "noisy", precision: .f32).identity
      let distance = try #require(own.distance(to: other))
      print("noise of \(share): sketches \(distance) apart")
      #expect(abs(distance - share) < 0.25 * share)
      #expect((own.mismatch(with: other) == nil) == (share < 0.15))
    }
    let again = try await BaseModel.load(Self.rounded(source), name: "again", precision: .f32).identity
    print("Q4_1 again: sketches \(try #require(own.distance(to: again))) apart")
  }
}
