import Foundation
import Testing

@testable import MotetFormats

/// Every GGUF block type against `gguf.quants`: `Tests/Fixtures/block_types.py`.
@Suite struct BlockTypeTests {
  private static let folder = Fixtures.folder.deletingLastPathComponent().appendingPathComponent("blocks")
  private static let types = ElementType.all.filter(\.isQuantized)

  private func blocks() throws -> GGUFFile {
    try GGUFFile(contentsOf: Self.folder.appendingPathComponent("types.gguf"))
  }

  @Test func theFixtureHoldsEveryType() throws {
    #expect(try blocks().names.sorted() == Self.types.map(\.name).sorted())
  }

  /// Equal to the bit, where a value is a number: scales are random, infinite, subnormal, negative zeros and NaN.
  @Test(arguments: types) func valuesAreThoseOfGguf(type: ElementType) throws {
    let tensor = try blocks().tensor(type.name)
    #expect(tensor.type == type && tensor.shape == [8, 256])
    #expect(tensor.byteCount == 8 * 256 / type.blockElements * type.blockBytes)
    let found = try tensor.floats()
    let file = try SafetensorsFile(
      contentsOf: Self.folder.appendingPathComponent("types-expected.safetensors"))
    let expected = try file.tensor(type.name).floats()
    let differing = found.indices.filter {
      expected[$0].isNaN ? !found[$0].isNaN : found[$0].bitPattern != expected[$0].bitPattern
    }
    #expect(differing.isEmpty, "\(type.name): \(differing.prefix(5).map { ($0, found[$0], expected[$0]) })")
    #expect(expected[..<1024].contains { $0.isFinite && $0 != 0 })
    // What a scale that is not finite makes is found by those who refuse it.
    if type != .mxfp4 { #expect(Array(found[1024..<1280]).firstNotFinite != nil) }
  }

  @Test(arguments: types) func rowsAloneAreThoseOfAll(type: ElementType) throws {
    let tensor = try blocks().tensor(type.name)
    let all = try tensor.floats()
    var rows = [Float](repeating: 0, count: 2 * 256)
    try rows.withUnsafeMutableBufferPointer { try tensor.floats(into: $0, rows: 6..<8) }
    #expect(rows.map(\.bitPattern) == all[1536...].map(\.bitPattern))
  }

  @Test func numbersAndNamesAreUnique() {
    let numbers = ElementType.all.compactMap(\.ggmlNumber)
    #expect(Set(numbers).count == numbers.count)
    #expect(Set(ElementType.all.map(\.name)).count == ElementType.all.count)
    #expect(ElementType.unreadableNames.keys.allSatisfy { ElementType(ggmlNumber: $0) == nil })
    #expect(ElementType(ggmlNumber: 12) == .q4_K && ElementType(safetensorsName: "Q4_K") == nil)
  }

  /// How fast a tensor of 100 million values is expanded: `MOTET_MEASURE=1`.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["MOTET_MEASURE"] != nil), arguments: types)
  func measuresExpanding(type: ElementType) {
    let blocks = 100_000_000 / type.blockElements
    let stored = [UInt8](repeating: 0x35, count: blocks * type.blockBytes)
    var values = [Float](repeating: 0, count: blocks * type.blockElements)
    let seconds = values.withUnsafeMutableBufferPointer { output in
      stored.withUnsafeBytes { input in
        (0..<3).map { _ in
          ContinuousClock().measure {
            if let x = input.baseAddress, let y = output.baseAddress { type.expand(x, blocks, y) }
          } / .seconds(1)
        }.min() ?? 0
      }
    }
    let (read, written) = (Double(stored.count) / 1e6 / seconds, Double(4 * values.count) / 1e6 / seconds)
    print("\(type.name): \(Int(read)) MB/s read, \(Int(written)) MB/s of floats, \(Int(seconds * 1000)) ms")
  }
}
