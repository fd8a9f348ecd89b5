import Testing

@testable import MotetTensor

/// Attention's backward formulas in f64 against central differences, for every kind of rule.
@Suite struct AttentionGradientTests {
  /// Packed sequences in f64: the reference operators as the tape puts them together.
  struct PackedAttention {
    let rule: AttentionRule
    let lengths: [Int]
    let cosines: [Double]
    let sines: [Double]

    var shape: AttentionShape { rule.shape }
    var width: Int { shape.packedWidth }
    var positions: [Int32] { lengths.flatMap { 0..<Int32($0) } }

    func rotate(_ x: [Double], direction: Double) -> [Double] {
      Reference.rotate(
        x, columns: width, rule: rule, positions: positions, cosines: cosines, sines: sines,
        direction: direction)
    }

    func columns(_ x: [Double], _ rows: Range<Int>, _ range: Range<Int>) -> [Double] {
      rows.flatMap { x[$0 * width + range.lowerBound..<$0 * width + range.upperBound] }
    }

    func split(_ x: [Double], _ rows: Range<Int>) -> (q: [Double], k: [Double], v: [Double]) {
      let (q, kv) = (shape.queryWidth, shape.kvWidth)
      return (
        columns(x, rows, 0..<q), columns(x, rows, q..<q + kv), columns(x, rows, q + kv..<q + 2 * kv)
      )
    }

    var spans: [Range<Int>] {
      var start = 0
      return lengths.map { length in
        defer { start += length }
        return start..<start + length
      }
    }

    func forward(_ x: [Double]) -> [Double] {
      let rotated = rotate(x, direction: 1)
      return spans.flatMap { rows in
        let (q, k, v) = split(rotated, rows)
        return Reference.attention(q: q, k: k, v: v, rule: rule, past: 0)
      }
    }

    func backward(_ x: [Double], dy: [Double]) -> [Double] {
      let rotated = rotate(x, direction: 1)
      let back = spans.flatMap { rows -> [Double] in
        let (q, k, v) = split(rotated, rows)
        let dy = Array(dy[rows.lowerBound * shape.queryWidth..<rows.upperBound * shape.queryWidth])
        let (dq, dk, dv) = Reference.attentionBackward(q: q, k: k, v: v, dy: dy, rule: rule)
        let (wide, narrow) = (shape.queryWidth, shape.kvWidth)
        var part: [Double] = []
        for i in 0..<rows.count {
          part += dq[i * wide..<(i + 1) * wide]
          part += dk[i * narrow..<(i + 1) * narrow]
          part += dv[i * narrow..<(i + 1) * narrow]
        }
        return part
      }
      return rotate(back, direction: -1)
    }
  }

  private static let shapes = [(2, 2, [5]), (4, 2, [1, 4, 3]), (3, 1, [2, 1, 6])]

  @Test(arguments: shapes, [0, 1, 2, 3, 4, 5])
  func isThatOfSmallChanges(sizes: (heads: Int, kvHeads: Int, lengths: [Int]), kind: Int) {
    let shape = AttentionShape(heads: sizes.heads, kvHeads: sizes.kvHeads, headDimension: 4)
    let rule = [
      AttentionRule(shape), AttentionRule(shape, window: 3), AttentionRule(shape, isCausal: false),
      AttentionRule(shape, isCausal: false, window: 2, scale: 0.3, softcap: 0.7, rotated: 2),
      AttentionRule(shape, window: 1, softcap: 2, rotated: 0), AttentionRule(shape, scale: 1.5, softcap: 1.1),
    ][kind]
    let pairs = rule.rotated / 2
    let angles = samples(8 * pairs, seed: 6, scale: 3)
    let packed = PackedAttention(
      rule: rule, lengths: sizes.lengths, cosines: angles.map { (1 - $0 * $0 / 9).squareRoot() },
      sines: angles.map { $0 / 3 })
    let tokens = sizes.lengths.reduce(0, +)
    let x = samples(tokens * packed.width, seed: 7, scale: 2)
    let dy = samples(tokens * shape.queryWidth, seed: 8)
    check(packed.backward(x, dy: dy), at: x, dy: dy, "dqkv", f: packed.forward)
  }
}
