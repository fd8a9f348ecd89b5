import CKernels
import Testing

@testable import MotetTensor

/// Products over edge shapes, strides and precisions against plain loops.
@Suite struct ProductTests {
  static let rows = [1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 70]
  static let columns = [1, 15, 16, 17, 31, 32, 33, 48, 100, 300]

  /// mk_gemm with A or B held transposed, adding or overwriting.
  @Compute func checkGemm(m: Int, n: Int, k: Int) {
    let a = floats(m * k, seed: 1)
    let b = floats(k * n, seed: 2)
    let old = floats(m * n, seed: 3)
    let product = Reference.product(a, b, rows: m, outputs: n, inputs: k, transposed: false)
    func flip(_ x: [Float], _ rows: Int, _ columns: Int) -> [Float] {
      (0..<columns).flatMap { j in (0..<rows).map { x[$0 * columns + j] } }
    }
    for flipA in [false, true] {
      for flipB in [false, true] {
        for beta: Float in [0, 1] {
          // A wider C: columns that are not ours stay.
          let width = n + 3
          var c = (0..<m).flatMap { old[$0 * n..<($0 + 1) * n] + [7, 7, 7] }
          mk_gemm(
            Int64(m), Int64(n), Int64(k), -0.5, flipA ? flip(a, m, k) : a, Int64(flipA ? 1 : k),
            Int64(flipA ? m : 1), flipB ? flip(b, k, n) : b, Int64(flipB ? 1 : n), Int64(flipB ? k : 1),
            beta, &c, Int64(width))
          let sums: [Float] = zip(old, product).map { beta * $0 - 0.5 * $1 }
          let expected = (0..<m).flatMap { sums[$0 * n..<($0 + 1) * n] + [7, 7, 7] }
          expectClose(c, expected, 2e-6, "\(m)×\(n)×\(k) A\(flipA ? "ᵀ" : "") B\(flipB ? "ᵀ" : "") β\(beta)")
        }
      }
    }
  }

  @Test(arguments: rows) @Compute func gemmMatchesPlainLoops(m: Int) {
    for n in Self.columns {
      for k in [1, 2, 16, 33, 129] { checkGemm(m: m, n: n, k: k) }
    }
  }

  @Test(arguments: [(200, 16, 576), (576, 16, 130), (16, 576, 130), (130, 576, 16), (5, 1000, 48)])
  @Compute func gemmMatchesPlainLoopsOnTheTeam(m: Int, n: Int, k: Int) { checkGemm(m: m, n: n, k: k) }

  @Test @Compute func gemmOfNoTermsOverwritesOrKeeps() {
    var c: [Float] = [1, 2, 3, 4]
    mk_gemm(2, 2, 0, 1, c, 1, 1, c, 2, 1, 1, &c, 2)
    #expect(c == [1, 2, 3, 4])
    mk_gemm(2, 2, 0, 1, c, 1, 1, c, 2, 1, 0, &c, 2)
    #expect(c == [0, 0, 0, 0])
  }

  func roundedToBF16(_ values: [Float]) -> [Float] {
    var narrow = [UInt16](repeating: 0, count: values.count)
    mk_to_bf16(values, &narrow, Int64(values.count))
    return narrow.map { Float(bitPattern: UInt32($0) << 16) }
  }

  /// Each row of `columns` values as 8 bits with a scale hold them.
  func roundedToInt8(_ values: [Float], columns: Int) -> [Float] {
    stride(from: 0, to: values.count, by: columns).flatMap { first -> [Float] in
      let row = values[first..<first + columns]
      let highest = row.reduce(0) { max($0, abs($1)) }
      guard highest > 0 else { return Array(row) }
      return row.map { highest / 127 * ($0 * (127 / highest)).rounded(.toNearestOrEven) }
    }
  }

  func held(_ weights: [Float], inputs: Int, precision: Precision) -> [Float] {
    switch precision {
    case .f32, .stored: weights
    case .bf16: roundedToBF16(weights)
    case .int8: roundedToInt8(weights, columns: inputs)
    case .nf4: NF4Matrix(quantizing: weights, outputs: weights.count / inputs, inputs: inputs).floats()
    }
  }

  /// y = x·Wᵀ and dx = dy·W of a packed matrix, whole and added to what is there.
  @Test(arguments: precisions)
  @Compute func packedProductsMatchPlainLoops(precision: Precision) throws {
    // oneDNN takes x as narrow as the weights; the portable form widens the weights and takes x as it is.
    func taken(_ x: [Float], columns: Int, transposed: Bool) -> [Float] {
      if isPortable || precision == .f32 { return x }
      return precision == .int8 && !transposed ? roundedToInt8(x, columns: columns) : roundedToBF16(x)
    }
    // What is held otherwise is brought to bf16 for the product.
    func isMultipliedInBF16(_ transposed: Bool) -> Bool {
      precision == .nf4 ? !isPortable : precision == .int8 && transposed
    }
    for (outputs, inputs) in [
      (1, 1), (1, 40), (40, 1), (16, 32), (17, 15), (33, 100), (130, 70), (576, 192), (1000, 96),
    ] {
      let weights = floats(outputs * inputs, seed: 4)
      let matrix = try FrozenMatrix(weights, outputs: outputs, inputs: inputs, precision: precision)
      let held = held(weights, inputs: inputs, precision: precision)
      expectClose(matrix.floats(), held, 1e-7, "[\(outputs), \(inputs)] comes back as it was packed")
      for rows in outputs * inputs > 10_000 ? [1, 9, 33, 65, 130] : Self.rows + [300] {
        for transposed in [false, true] {
          let (from, to) = transposed ? (outputs, inputs) : (inputs, outputs)
          let x = floats(rows * from, seed: 5)
          let old = floats(rows * to, seed: 6)
          let product = Reference.product(
            taken(x, columns: from, transposed: transposed),
            isMultipliedInBF16(transposed) ? roundedToBF16(held) : held, rows: rows, outputs: to,
            inputs: from, transposed: !transposed)
          for accumulate in [false, true] {
            let y = Tensor(rows: rows, columns: to, old)
            let input = Tensor(rows: rows, columns: from, x)
            if transposed {
              try matrix.multiplyTransposed(input, into: y, accumulate: accumulate, kernels: .fast)
            } else {
              try matrix.multiply(input, into: y, accumulate: accumulate, kernels: .fast)
            }
            let expected = zip(product, old).map { accumulate ? $0 + $1 : $0 }
            expectClose(
              y.values, expected, 4e-6,
              "\(rows) rows of [\(outputs), \(inputs)] \(transposed ? "back" : "forward") \(accumulate)")
          }
        }
      }
    }
  }

  /// Two matrices of one size that share the memory for dy·W do not get in each other's way.
  @Test(arguments: precisions)
  @Compute func matricesThatShareMemoryGoBackEachAsItsOwn(precision: Precision) throws {
    let shared = TurnedForms()
    for (outputs, inputs) in [(128, 64), (70, 50)] {
      let dy = Tensor(rows: 9, columns: outputs, floats(9 * outputs, seed: 11))
      func back(_ matrix: FrozenMatrix) throws -> [Float] {
        let dx = Tensor(rows: 9, columns: inputs)
        try matrix.multiplyTransposed(dy, into: dx, kernels: .fast)
        return dx.values
      }
      let weights = [12, 13].map { floats(outputs * inputs, seed: $0) }
      let alone = try weights.map {
        try back(FrozenMatrix($0, outputs: outputs, inputs: inputs, precision: precision))
      }
      let together = try weights.map {
        try FrozenMatrix($0, outputs: outputs, inputs: inputs, precision: precision, sharing: shared)
      }
      for _ in 0..<2 {
        for (matrix, expected) in zip(together, alone) {
          let isSame = try back(matrix) == expected
          #expect(isSame, "[\(outputs), \(inputs)]")
        }
      }
    }
  }

  @Test @Compute func aTiedHeadEmbedsItsRows() throws {
    let weights = floats(70 * 48, seed: 14)
    for precision in precisions {
      let head = try FrozenMatrix(weights, outputs: 70, inputs: 48, precision: precision)
      let held = held(weights, inputs: 48, precision: precision)
      let rows = FrozenTable(sharing: head).lookUp([0, 69, 33]).values
      expectClose(
        rows, [0, 69, 33].flatMap { held[$0 * 48..<($0 + 1) * 48] }, 1e-7, "\(precision)")
    }
  }

  /// A precision without units is refused with a way out that is one here: bf16 has no kernel, and products of 8 bits would
  /// come out wrong.
  @Test(
    .enabled(if: Precision.available != Precision.allCases, "this processor has units for every precision"),
    arguments: Precision.allCases.filter { !$0.isAvailable })
  @Compute func aPrecisionWithoutUnitsIsRefused(precision: Precision) throws {
    let error = #expect(throws: TensorError.self) {
      try FrozenMatrix(floats(64 * 64, seed: 1), outputs: 64, inputs: 64, precision: precision)
    }
    let text = error.map { "\($0)" } ?? ""
    #expect(text.contains("no units for \(precision.rawValue)"))
    let advised = try #require(text.components(separatedBy: "one of ").last).components(separatedBy: ", ")
    #expect(advised.contains("f32") && advised.allSatisfy { Precision(rawValue: $0)?.isAvailable == true })
  }

  @Test @Compute func aBatchOfNoRowsIsLeftAlone() throws {
    let matrix = try FrozenMatrix(floats(12, seed: 7), outputs: 4, inputs: 3, precision: .f32)
    let y = Tensor(rows: 0, columns: 4)
    try matrix.multiply(Tensor(rows: 0, columns: 3), into: y)
    #expect(y.values.isEmpty)
  }

  @Test(arguments: Precision.allCases)
  @Compute func tableRowsAreTheWeightsAsHeld(precision: Precision) {
    let weights = floats(5 * 7, seed: 8)
    let table = FrozenTable(weights, rows: 5, columns: 7, precision: precision)
    let held =
      precision == .nf4
      ? held(weights, inputs: 7, precision: .nf4)
      : precision == .f32 || precision == .stored && Precision.automatic == .f32
        ? weights : roundedToBF16(weights)
    #expect(table.floats() == held)
    let last = Array(held[28..<35])
    #expect(table.lookUp([4, 0, 4]).values == last + Array(held[0..<7]) + last)
  }
}

/// Sums of squares of inputs, and the equations solved with them.
@Suite struct InputMomentTests {
  @Test(arguments: [1, 3, 40, 64, 65, 200]) @Compute func solvesWhatItSummed(width: Int) throws {
    let rows = width * 2 + 1
    let moment = InputMoment(width: width)
    let (first, second) = (floats(rows * width, seed: 3), floats(7 * width, seed: 4))
    moment.add(Tensor(rows: rows, columns: width, first))
    moment.add(Tensor(rows: 7, columns: width, second))
    #expect(moment.rows == rows + 7)
    let x = first + second
    let gram = Reference.outer(x, x, rows: rows + 7, m: width, n: width)
    let a = floats(5 * width, seed: 5)
    let expected = Reference.product(a, gram, rows: 5, outputs: width, inputs: width, transposed: false)
    let product = moment.product(a)
    expectClose(product, expected, 1e-5, "A·XᵀX of \(width)")
    expectClose(try moment.solve(product, ridge: 1e-9), a, 2e-3, "A·XᵀX·(XᵀX)⁻¹ of \(width)")
  }

  @Test @Compute func inputsThatWereAlwaysZeroAreSolvedByTheRidge() throws {
    let moment = InputMoment(width: 3)
    moment.add(Tensor(rows: 2, columns: 3, [1, 0, 0, 0, 2, 0]))
    let solved = try moment.solve([1, 4, 0], ridge: 1e-4)
    expectClose(solved, [1, 1, 0], 1e-3, "the unseen input stays out")
    let silent = try InputMoment(width: 2).solve([0, 0], ridge: 1e-4)
    #expect(silent == [0, 0])
  }

  @Test @Compute func inputsThatOverflowAreRefused() throws {
    for huge in [Float(1e30), .nan] {
      let moment = InputMoment(width: 2)
      moment.add(Tensor(rows: 1, columns: 2, [huge, 1]))
      #expect(throws: TensorError.self) { try moment.solve([1, 1], ridge: 1e-4) }
    }
  }
}
