import Testing

@testable import MotetTensor

/// The backward formulas in f64 against central differences.
@Suite struct GradientTests {
  @Test func rmsNormGradient() {
    let x = samples(21, seed: 1, scale: 2)
    let weight = samples(7, seed: 2)
    let dy = samples(21, seed: 3)
    let dx = Reference.rmsNormBackward(x, weight: weight, epsilon: 1e-3, dy: dy, columns: 7)
    check(dx, at: x, dy: dy, "dx") { Reference.rmsNorm($0, weight: weight, epsilon: 1e-3, columns: 7) }
  }

  @Test func swigluGradient() {
    let x = samples(30, seed: 4, scale: 3)
    let dy = samples(15, seed: 5)
    check(Reference.swigluBackward(x, dy: dy, width: 5), at: x, dy: dy, "dx") {
      Reference.swiglu($0, width: 5)
    }
  }

  @Test func adaptedLinearGradientOfEveryTermAndOfTheInput() {
    let (rows, inputs, outputs) = (5, 4, 6)
    // Rows, first column, columns, rank, scale: two terms share rows, two share columns.
    let terms: [(rows: Range<Int>, columns: Range<Int>, rank: Int, scale: Double)] = [
      (0..<3, 0..<6, 2, 2), (0..<3, 2..<5, 1, -0.5), (3..<5, 2..<5, 3, 0.25),
    ]
    let x = samples(rows * inputs, seed: 9)
    let w = samples(outputs * inputs, seed: 10)
    let dy = samples(rows * outputs, seed: 11)
    let a = terms.enumerated().map { samples($1.rank * inputs, seed: 20 + UInt64($0)) }
    let b = terms.enumerated().map { samples($1.columns.count * $1.rank, seed: 30 + UInt64($0)) }

    func forward(_ x: [Double], _ a: [[Double]], _ b: [[Double]]) -> [Double] {
      var y = Reference.product(x, w, rows: rows, outputs: outputs, inputs: inputs, transposed: true)
      for (i, term) in terms.enumerated() {
        let part = Array(x[term.rows.lowerBound * inputs..<term.rows.upperBound * inputs])
        let (_, delta) = Reference.lowRank(
          part, a: a[i], b: b[i], scale: term.scale, rows: term.rows.count, inputs: inputs,
          outputs: term.columns.count, rank: term.rank)
        for (n, row) in term.rows.enumerated() {
          for (j, column) in term.columns.enumerated() {
            y[row * outputs + column] += delta[n * term.columns.count + j]
          }
        }
      }
      return y
    }

    var dx = Reference.product(dy, w, rows: rows, outputs: inputs, inputs: outputs, transposed: false)
    for (i, term) in terms.enumerated() {
      let start = term.rows.lowerBound * inputs
      let part = Array(x[start..<term.rows.upperBound * inputs])
      let u = Reference.lowRank(
        part, a: a[i], b: b[i], scale: term.scale, rows: term.rows.count, inputs: inputs,
        outputs: term.columns.count, rank: term.rank
      ).u
      let slope = term.rows.flatMap { row in term.columns.map { dy[row * outputs + $0] } }
      let back = Reference.lowRankBackward(
        part, u: u, dy: slope, a: a[i], b: b[i], scale: term.scale, rows: term.rows.count, inputs: inputs,
        outputs: term.columns.count, rank: term.rank)
      for (j, value) in back.dx.enumerated() { dx[start + j] += value }
      check(back.da ?? [], at: a[i], dy: dy, "dA \(i)") { changed in
        forward(x, a.enumerated().map { $0 == i ? changed : $1 }, b)
      }
      check(back.db, at: b[i], dy: dy, "dB \(i)") { changed in
        forward(x, a, b.enumerated().map { $0 == i ? changed : $1 })
      }
    }
    check(dx, at: x, dy: dy, "dx") { forward($0, a, b) }
  }

  @Test func headLossGradient() {
    let (rows, hidden, vocabulary) = (4, 5, 9)
    let h = samples(rows * hidden, seed: 12, scale: 2)
    let head = samples(vocabulary * hidden, seed: 13, scale: 2)
    let targets: [Int32] = [0, 8, 3, 3]
    let scales = samples(rows, seed: 14)
    func loss(_ h: [Double]) -> (losses: [Double], gradient: [Double]) {
      Reference.crossEntropy(
        Reference.product(h, head, rows: rows, outputs: vocabulary, inputs: hidden, transposed: true),
        targets: targets, scales: scales, columns: vocabulary)
    }
    let dh = Reference.product(
      loss(h).gradient, head, rows: rows, outputs: hidden, inputs: vocabulary, transposed: false)
    check(dh, at: h, dy: scales, "dh") { loss($0).losses }
  }

  /// Gathering is linear and has one path: whole numbers make f32 exact.
  @Test @Compute func gatherGradient() throws {
    let chosen = [2, 0, 2, 2]
    let x = (0..<6).map { Float($0 * $0) }
    let dy = (0..<8).map { Float($0) - 3 }
    let tape = Tape(recording: true)
    let input = tensor(3, 2, x)
    try goBack(tape, from: tape.gather(input, rows: chosen), dy)
    for i in x.indices {
      let sides = [Float(1), -1].map { step in
        let plain = Tape(recording: false)
        let y = plain.gather(tensor(3, 2, x.enumerated().map { $0 == i ? $1 + step : $1 }), rows: chosen)
        return zip(y.values, dy).reduce(0) { $0 + $1.0 * $1.1 }
      }
      #expect(input.gradientValue?.values[i] == (sides[0] - sides[1]) / 2)
    }
  }
}
