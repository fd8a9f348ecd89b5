import Testing

@testable import MotetTensor

/// Many terms of different numbers of rows in one pass: each task finds the term it belongs to.
@Suite struct ForwardTermsTests {
  private static func sites(_ count: Int, inputs: Int, outputs: Int) -> LowRankFactors {
    LowRankFactors(
      (0..<count).map { index in
        let rank = 1 + index * 7 % 20
        return UpdateSample(
          loraA: floats(rank * inputs, seed: UInt64(2 * index)),
          loraB: floats(outputs * rank, seed: UInt64(2 * index + 1)), rank: rank, inputs: inputs,
          outputs: outputs, scale: 1.5)
      }, as: .bf16)
  }

  /// Blocks of 64 rows, and inputs of one part and of three: one task a term, and several.
  @Test(arguments: [1, 2, 3, 5, 8, 13], [96, 1100])
  @Compute func addWhatPlainLoopsSay(count: Int, inputs: Int) {
    let outputs = 24
    let sites = Self.sites(count, inputs: inputs, outputs: outputs)
    let sizes = [1, 64, 3, 65, 130, 63, 2, 128, 1, 1, 200, 5, 70]
    var terms = ForwardTerms()
    var row = 0
    for index in 0..<count {
      terms.append(sites, at: index, rows: row..<row + sizes[index], columns: index..<index + outputs)
      row += sizes[index]
    }
    let x = Tensor(rows: row, columns: inputs, Tensor.roundedToBF16(floats(row * inputs, seed: 99)))
    func added(_ kernels: Kernels) -> [Float] {
      let y = Tensor.zeros(rows: row, columns: outputs + count)
      y.add(terms, of: x, kernels: kernels)
      return y.values
    }
    expectClose(added(.fast), added(.reference), 0.01, "\(count) terms")
  }

  @Test @Compute func mustFitThePassTheyStandIn() {
    let sites = Self.sites(2, inputs: 96, outputs: 24)
    var terms = ForwardTerms()
    #expect(terms.fit(rows: 0, columns: 0, inputs: 5), "nothing fits anywhere")
    terms.append(sites, at: 0, rows: 4..<4, columns: 0..<24)
    #expect(terms.isEmpty, "no rows carry it")
    terms.append(sites, at: 0, rows: 4..<9, columns: 0..<24)
    terms.append(sites, at: 1, rows: 0..<2, columns: 8..<32)
    #expect(terms.fit(rows: 9, columns: 32, inputs: 96))
    #expect(!terms.fit(rows: 8, columns: 32, inputs: 96))
    #expect(!terms.fit(rows: 9, columns: 31, inputs: 96))
    #expect(!terms.fit(rows: 9, columns: 32, inputs: 95))
    #expect(!terms.fit(rows: 9, columns: 32, inputs: 128))
  }
}
