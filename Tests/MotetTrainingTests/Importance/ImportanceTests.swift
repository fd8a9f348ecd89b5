import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import Testing

@testable import MotetTraining

/// Against whole gradients that PyTorch computed (Tests/Fixtures/importance.py).
@Suite struct ImportanceTests {
  private func expected() throws -> [String: [String: Double]] {
    let file = TinyModel.folder.appending(path: "../importance.json")
    return try JSONDecoder().decode([String: [String: Double]].self, from: Data(contentsOf: file))
  }

  private func rows() throws -> ExampleList {
    ExampleList(
      try TinyModel.expected().rows.map { Example(tokens: $0.tokens, labelled: $0.labelled, line: 1) },
      digest: "")
  }

  @Compute
  private func measured(
    _ measure: ImportanceMeasure, probe: Int, seed: UInt64 = 0, on base: BaseModel
  ) async throws -> [String: Double] {
    let options = ImportanceOptions(measure: measure, batches: 2, batchRows: 2, probe: probe, seed: seed)
    let found = try await base.importance(of: base.sites, on: rows(), options: options)
    #expect(found.rows == 3 && found.labels == 17)
    return Dictionary(uniqueKeysWithValues: found.entries.map { ($0.site.path, $0.value) })
  }

  @Test(arguments: ImportanceMeasure.allCases)
  func aProbeAsWideAsTheInputsGivesWhatPyTorchComputes(measure: ImportanceMeasure) async throws {
    let base = try await TinyModel.load()
    let wanted = try #require(try expected()[measure.rawValue])
    let found = try await measured(measure, probe: 1000, on: base)
    #expect(found.count == wanted.count && found.count == 14)
    for (path, value) in wanted {
      let own = try #require(found[path])
      #expect(abs(own - value) < 1e-4 * value, "\(path): \(own), not \(value)")
    }
  }

  @Test(arguments: [ImportanceMeasure.gradientNorm, .fisher])
  func aSmallProbeStaysWithinItsBoundAndIsRightOnAverage(measure: ImportanceMeasure) async throws {
    let base = try await TinyModel.load()
    let wanted = try #require(try expected()[measure.rawValue])
    let (rank, seeds) = (16, 24)
    var sums: [String: Double] = [:]
    for seed in 0..<seeds {
      let found = try await measured(measure, probe: rank, seed: UInt64(seed), on: base)
      for site in base.sites {
        let value = try #require(found[site.path])
        let truth = try #require(wanted[site.path])
        let ratio = measure == .fisher ? value / truth : (value / truth) * (value / truth)
        #expect(abs(ratio - 1) < 4.5 * deviation(rank, site.inputs), "\(site.path), seed \(seed): \(ratio)")
        sums[site.path, default: 0] += ratio
      }
    }
    for site in base.sites {
      let mean = (sums[site.path] ?? 0) / Double(seeds)
      let bound = 4 * deviation(rank, site.inputs) / Double(seeds).squareRoot()
      #expect(abs(mean - 1) < bound, "\(site.path): \(mean) on average")
    }
  }

  /// The most that the squared norm's relative standard deviation can be.
  private func deviation(_ rank: Int, _ inputs: Int) -> Double {
    (2 * Double(inputs - rank) / Double(rank * (inputs + 2))).squareRoot()
  }

  @Test func sampledColumnsGiveTheSensitivityOnAverage() async throws {
    let base = try await TinyModel.load()
    let wanted = try #require(try expected()[ImportanceMeasure.sensitivity.rawValue])
    let seeds = 24
    var sums: [String: Double] = [:]
    for seed in 0..<seeds {
      let found = try await measured(.sensitivity, probe: 16, seed: UInt64(seed), on: base)
      for (path, value) in found { sums[path, default: 0] += value / Double(seeds) }
    }
    for (path, value) in wanted {
      let mean = try #require(sums[path])
      #expect(abs(mean / value - 1) < 0.15, "\(path): \(mean), not \(value)")
    }
  }

  @Test func directionsAreOrthonormal() {
    var generator = SeededGenerator(seed: 3)
    for directions in [
      ProbeDirections.spread(8, over: 96, using: &generator),
      .spread(96, over: 96, using: &generator), .columns(8, of: 96, using: &generator),
    ] {
      let (a, n) = (directions.loraA, 96)
      #expect(a.count == directions.rank * n && directions.weight == Double(n) / Double(directions.rank))
      var worst: Float = 0
      for i in 0..<directions.rank {
        for j in 0..<directions.rank {
          let dot = (0..<n).reduce(Float(0)) { $0 + a[i * n + $1] * a[j * n + $1] }
          worst = max(worst, abs(dot - (i == j ? 1 : 0)))
        }
      }
      #expect(worst < 1e-5)
    }
  }

  @Test func theSeedDecidesAndTheBaseStaysAsItIs() async throws {
    let base = try await TinyModel.load(Precision.bf16.isAvailable ? .bf16 : .f32)
    let before = await base.fingerprint()
    let first = try await measured(.fisher, probe: 8, seed: 1, on: base)
    let again = try await measured(.fisher, probe: 8, seed: 1, on: base)
    let other = try await measured(.fisher, probe: 8, seed: 2, on: base)
    #expect(first == again && first != other)
    #expect(await base.fingerprint() == before)
  }

  @Test func whatCannotBeMeasuredIsRefused() async throws {
    let base = try await TinyModel.load()
    await #expect(throws: RankSuggestionError.noRows) {
      try await base.importance(of: base.sites, on: ExampleList([], digest: ""))
    }
    let unlabelled = Example(tokens: [1, 2, 3], labelled: [false, false, false], line: 1)
    await #expect(throws: RankSuggestionError.noRows) {
      try await base.importance(of: base.sites, on: ExampleList([unlabelled], digest: ""))
    }
    await #expect(throws: RankSuggestionError.self) {
      try await base.importance(of: base.sites, on: rows(), options: ImportanceOptions(batches: 0))
    }
    #expect(ImportanceMeasure(rawValue: "hessian") == nil)
  }

  @Test func aCancelledMeasurementEnds() async throws {
    let base = try await TinyModel.load()
    let rows = try TinyModel.data(12).source(for: base)
    let task = Task { @Compute in
      try await base.importance(of: base.sites, on: rows, options: ImportanceOptions(tokensPerPass: 1)) {
        done, _ in
        if done == 2 { withUnsafeCurrentTask { $0?.cancel() } }
      }.rows
    }
    await #expect(throws: CancellationError.self) { try await task.value }
  }
}
