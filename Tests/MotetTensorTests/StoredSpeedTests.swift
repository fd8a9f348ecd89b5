import CKernels
import Foundation
import Testing

@testable import MotetTensor

/// How fast products with stored blocks are beside memory and beside f32, in one run: `MOTET_MEASURE=1 swift test -c release
/// --filter StoredSpeedTests`, on a quiet machine.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["MOTET_MEASURE"] != nil), .serialized)
struct StoredSpeedTests {
  private static let (outputs, inputs) = (1536, 2048)

  /// The shortest of several times, in seconds.
  @Compute private func seconds(_ times: Int = 7, _ body: () throws -> Void) rethrows -> Double {
    var shortest = Double.infinity
    for _ in 0..<times { shortest = min(shortest, try ContinuousClock().measure(body) / .seconds(1)) }
    return shortest
  }

  /// Matrices of so many bytes in all that no cache holds them.
  @Compute private func matrices(_ kind: StoredBlocks.Kind) throws -> [FrozenMatrix] {
    let (outputs, inputs) = (Self.outputs, Self.inputs)
    let sample = try StoredMatrixTests.sample(kind, outputs: outputs, inputs: inputs, seed: 1)
    let blocks = StoredBlocks(kind: kind, outputs: outputs, inputs: inputs, bytes: sample.bytes)
    return try (0..<max(1, 160_000_000 / sample.bytes.count)).map { _ in try FrozenMatrix(stored: [blocks]) }
  }

  @Compute private func bandwidth() -> Double {
    let count = 1 << 28
    let memory = Buffer(bytes: count)
    memory.pointer.initializeMemory(as: UInt8.self, repeating: 1, count: count)
    return Double(count) / seconds { _ = mk_sum_words(memory.pointer, Int64(count / 8)) } / 1e9
  }

  /// One row and a few, bounded by memory: bytes of the file's blocks a second.
  @Test @Compute func fewRowsBesideMemory() throws {
    let memory = bandwidth()
    print("vector level \(mk_vector_level()), \(mk_threads()) threads, memory \(memory.shown) GB/s")
    print("rows:       " + [1, 2, 4, 8, 16].map { "\($0)".padded(16) }.joined())
    for kind in StoredBlocks.Kind.allCases {
      let matrices = try matrices(kind)
      let bytes = Double(Self.outputs * Self.inputs / kind.blockValues * kind.blockBytes * matrices.count)
      let found = try [1, 2, 4, 8, 16].map { rows in
        let x = Tensor(rows: rows, columns: Self.inputs, floats(rows * Self.inputs, seed: 2))
        let y = Tensor.zeros(rows: rows, columns: Self.outputs)
        let rate = bytes / (try seconds { for matrix in matrices { try matrix.multiply(x, into: y) } }) / 1e9
        return "\(rate.shown) (\(Int(100 * rate / memory))%)".padded(16)
      }
      print("\(kind)".padded(12) + found.joined())
    }
  }

  /// Many rows, bounded by the processor: multiply-adds a second, and as a ratio of those in f32.
  @Test @Compute func manyRowsBesideF32() throws {
    let (outputs, inputs) = (Self.outputs, 576)
    let sizes = [16, 32, 64, 128, 448]
    let weights = floats(outputs * inputs, seed: 3)
    let wide = try FrozenMatrix(weights, outputs: outputs, inputs: inputs, precision: .f32)
    func rate(_ matrix: FrozenMatrix, _ rows: Int, _ inputs: Int) throws -> Double {
      let x = Tensor(rows: rows, columns: inputs, floats(rows * inputs, seed: 4))
      let y = Tensor.zeros(rows: rows, columns: outputs)
      let repeats = max(1, 2000 / rows)
      let time = try seconds { for _ in 0..<repeats { try matrix.multiply(x, into: y) } }
      return Double(rows * outputs * inputs * repeats) / time / 1e9
    }
    let base = try sizes.map { try rate(wide, $0, inputs) }
    print("rows:       " + sizes.map { "\($0)".padded(16) }.joined())
    print("f32".padded(12) + base.map { $0.shown.padded(16) }.joined() + " G multiply-adds/s")
    for kind in StoredBlocks.Kind.allCases {
      let own = kind.blockValues == 32 ? inputs : 512
      let sample = try StoredMatrixTests.sample(kind, outputs: outputs, inputs: own, seed: 5)
      let matrix = try FrozenMatrix(stored: [
        StoredBlocks(kind: kind, outputs: outputs, inputs: own, bytes: sample.bytes)
      ])
      let found = try sizes.enumerated().map { index, rows in
        let own = try rate(matrix, rows, own)
        return "\(own.shown) (×\((own / base[index]).shown))".padded(16)
      }
      print("\(kind)".padded(12) + found.joined())
    }
  }

  /// How long it takes to lay 100 million values out.
  @Test @Compute func layingOut() throws {
    for kind in StoredBlocks.Kind.allCases {
      let (outputs, inputs) = (100_000_000 / 4096, 4096)
      let bytes = [UInt8](repeating: 0x35, count: outputs * inputs / kind.blockValues * kind.blockBytes)
      let blocks = StoredBlocks(kind: kind, outputs: outputs, inputs: inputs, bytes: bytes)
      let time = try seconds(2) { _ = try StoredMatrix([blocks]) }
      print("\(kind)".padded(12) + "\(Int(time * 1000)) ms, \(Int(Double(bytes.count) / 1e6 / time)) MB/s")
    }
  }
}

extension Double {
  fileprivate var shown: String { (self * 10).rounded() / 10 == 0 ? "0" : "\((self * 10).rounded() / 10)" }
}

extension String {
  fileprivate func padded(_ width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
}
