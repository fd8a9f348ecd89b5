import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import Testing

@Suite struct RegMeanTests {
  /// Token sequences over a part of the vocabulary of their own.
  static func rows(from first: Int32, seed: Int32) -> [[Int32]] {
    (0..<24).map { row in
      (0..<12).map { first + (Int32(row) * 31 + Int32($0) * (seed + Int32(row) % 5)) % 60 }
    }
  }

  @Compute func logits(_ base: BaseModel, _ rows: [[Int32]], _ adapter: Adapter) throws -> [Float] {
    try rows.flatMap { try base.wholeLogits($0, mix: Mix(adapter)) }
  }

  func meanSquare(_ a: [Float], _ b: [Float]) -> Double {
    zip(a, b).reduce(0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) } / Double(a.count)
  }

  @Test @Compute func oneAdapterStaysAsItIsOnItsOwnInputs() async throws {
    let base = try await TinyModel.load()
    let adapter = try noisyAdapter("a", on: base, seed: 1)
    let rows = Self.rows(from: 10, seed: 3)
    let fitted = try await InputFit.fit([.init(adapter: adapter, weight: 1, rows: rows)], on: base)
    let merged = Adapter(name: "merged", weights: try RegMeanMerge().merge(fitted))
    let own = try logits(base, rows, adapter)
    let plain = try rows.flatMap { try base.wholeLogits($0, mix: .base) }
    #expect(meanSquare(own, try logits(base, rows, merged)) < 1e-4 * meanSquare(own, plain))
  }

  @Test @Compute func eachAdapterActsOnItsOwnInputsOnly() async throws {
    let base = try await TinyModel.load()
    let adapters = [
      try noisyAdapter("a", on: base, seed: 1), try noisyAdapter("b", on: base, rank: 7, seed: 2),
    ]
    let rows = [Self.rows(from: 10, seed: 3), Self.rows(from: 150, seed: 7)]
    let terms = zip(adapters, rows).map { InputFit.Term(adapter: $0, weight: 1, rows: $1) }
    let fitted = try await InputFit.fit(terms, on: base)
    let merged = Adapter(name: "regmean", weights: try RegMeanMerge().merge(fitted, rank: 11))
    let sum = Adapter(
      name: "svd", weights: try SVDMerge().merge(adapters.map { ($0.weights, 1) }, rank: 11))
    for (adapter, rows) in zip(adapters, rows) {
      let own = try logits(base, rows, adapter)
      let error = meanSquare(own, try logits(base, rows, merged))
      let added = meanSquare(own, try logits(base, rows, sum))
      #expect(error < 0.5 * added, "\(adapter): \(error) fitted, \(added) added up")
    }
  }

  @Test @Compute func anAdapterWithoutRowsIsRefused() async throws {
    let base = try await TinyModel.load()
    let adapter = try noisyAdapter("a", on: base, seed: 1)
    await #expect(throws: MergeError.noInputs(method: "regmean", adapter: "a")) {
      try await InputFit.fit([.init(adapter: adapter, weight: 1, rows: [])], on: base)
    }
  }
}
