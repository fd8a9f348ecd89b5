import Foundation
import MotetTensor
import MotetTraining
import Testing

@Suite struct EpochOrderTests {
  private let folder: DataFolder

  init() throws { folder = try DataFolder() }

  private func data(_ weights: [Double]) throws -> TrainingData {
    try TrainingData(
      files: weights.enumerated().map { try WeightedFile(folder.questions("f\($0)", 10), weight: $1) },
      encoder: DataFolder.encoder())
  }

  private func counts(_ order: [Int]) -> [Int] {
    order.reduce(into: [Int](repeating: 0, count: 30)) { $0[$1] += 1 }
  }

  @Test func weightsSayHowOftenRowsCome() throws {
    let data = try data([2, 0.5, 1.3])
    var generator = SeededGenerator(seed: 1)
    let order = data.epochOrder(using: &generator)
    #expect(data.epochLength == 20 + 5 + 13 && order.count == data.epochLength)
    let counts = counts(order)
    #expect(counts[..<10].allSatisfy { $0 == 2 })
    #expect(counts[10..<20].reduce(0, +) == 5 && counts[10..<20].max() == 1)
    #expect(counts[20...].reduce(0, +) == 13 && counts[20...].allSatisfy { (1...2).contains($0) })
  }

  @Test func whatIsDrawnIsNewInEachEpochAndTheSameForASeed() throws {
    let data = try data([0.5])
    func epochs(_ seed: UInt64) -> [[Int]] {
      var generator = SeededGenerator(seed: seed)
      return (0..<40).map { _ in data.epochOrder(using: &generator) }
    }
    #expect(epochs(3) == epochs(3) && epochs(3) != epochs(4))
    let draws = epochs(3).map { Set($0) }
    #expect(Set(draws).count > 30)
    // Each row comes in about half of the epochs: 20 of 40, with a standard deviation of 3.2.
    let counts = counts(draws.flatMap { $0 })[..<10]
    #expect(counts.allSatisfy { (7...33).contains($0) })
  }

  @Test func withoutShufflingRowsComeAsTheyStand() throws {
    let data = try data([2, 0.5])
    var generator = SeededGenerator(seed: 1)
    let order = data.epochOrder(using: &generator, shuffled: false)
    #expect(Array(order[..<20]) == Array(0..<10) + Array(0..<10))
    #expect(order[20...].sorted() == Array(order[20...]))
    #expect(data.epochOrder(using: &generator) != order)
  }

  @Test(arguments: [0, -1, .nan, .infinity, 1001])
  func weightsThatMeanNothingAreRefused(weight: Double) throws {
    let error = #expect(throws: DatasetError.self) { try data([weight]) }
    #expect(error?.description.contains("cannot have the weight \(weight)") == true)
  }
}
