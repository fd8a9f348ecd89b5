import CKernels
import Foundation
import Testing

@testable import MotetTensor

/// Seeded values between -1 and 1.
func samples(_ count: Int, seed: UInt64, scale: Double = 1) -> [Double] {
  var generator = SeededGenerator(seed: seed)
  return (0..<count).map { _ in (2 * generator.uniform() - 1) * scale }
}

func floats(_ count: Int, seed: UInt64, scale: Double = 1) -> [Float] {
  samples(count, seed: seed, scale: scale).map { Float($0) }
}

let isPortable = String(cString: mk_backend_name()) == "portable"

/// What values are brought to and this processor multiplies, both ways: oneDNN has bf16 products only where there is
/// AVX-512, and 8 bits go back in bf16. What is multiplied as a file stores it has its own suite.
let precisions: [Precision] =
  isPortable || mk_bf16_is_fast()
  ? Precision.allCases.filter {
    $0 != .stored && (isPortable || $0.isSupported)
  } : [.f32]

/// Expects `values` within `tolerance` of `expected`, relative to the largest of them.
func expectClose(
  _ values: [Float], _ expected: [Float], _ tolerance: Float, _ what: String,
  at location: SourceLocation = #_sourceLocation
) {
  guard values.count == expected.count else {
    Issue.record("\(what): \(values.count) values, not \(expected.count)", sourceLocation: location)
    return
  }
  let size = max(expected.reduce(0) { max($0, abs($1)) }, 1e-20)
  // Not `>`: a NaN is no match either.
  guard let bad = values.indices.first(where: { !(abs(values[$0] - expected[$0]) <= tolerance * size) })
  else { return }
  Issue.record("\(what)[\(bad)]: \(values[bad]), not \(expected[bad])", sourceLocation: location)
}

@Compute
func tensor(_ rows: Int, _ columns: Int, _ values: [Float], wantsGradient: Bool = true) -> Tensor {
  Tensor(rows: rows, columns: columns, values, wantsGradient: wantsGradient)
}

/// Goes back from `y` with the gradient `dy`.
@Compute
func goBack(_ tape: Tape, from y: Tensor, _ dy: [Float]) throws {
  y.gradient?.accumulate(Tensor(rows: y.rows, columns: y.columns, dy))
  try tape.backward()
}

/// Sequences of the given lengths packed end to end, and the position of each row.
@Compute
func packed(_ lengths: [Int]) -> (spans: [SequenceSpan], positions: [Int32]) {
  var start = 0
  let spans = lengths.map { length in
    defer { start += length }
    return SequenceSpan(rows: start..<start + length)
  }
  return (spans, lengths.flatMap { (0..<Int32($0)) })
}

/// Expects `gradient` to be what small changes of `x` do to Σ dy·f(x).
func check(
  _ gradient: [Double], at x: [Double], dy: [Double], _ what: String,
  location: SourceLocation = #_sourceLocation, f: ([Double]) -> [Double]
) {
  let h = 1e-5
  let size = gradient.reduce(1e-3) { max($0, abs($1)) }
  #expect(gradient.count == x.count, sourceLocation: location)
  for i in x.indices {
    var up = x
    var down = x
    up[i] += h
    down[i] -= h
    // The difference first: sums that cancel would cost digits.
    let slope = zip(zip(f(up), f(down)), dy).reduce(0) { $0 + ($1.0.0 - $1.0.1) * $1.1 } / (2 * h)
    if !(abs(slope - gradient[i]) <= 1e-6 * size) {
      Issue.record("\(what)[\(i)]: \(gradient[i]), not \(slope)", sourceLocation: location)
      return
    }
  }
}
