import Foundation
import MotetModels
import Testing

@testable import MotetTraining

@Suite struct BatchOrderTests {
  private func steps(_ source: any ExampleSource, _ options: TrainingOptions) -> [[Int]] {
    var order = BatchOrder(source, options: options)
    var steps: [[Int]] = []
    while let rows = order.next() { steps.append(rows) }
    #expect(steps.count == order.steps)
    return steps
  }

  @Test func theWeightsOfFilesDecideHowOftenTheirRowsCome() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    func file(_ name: String, _ count: Int) throws -> String {
      let rows = (0..<count).map { #"{"prompt": "\#(name) \#($0)", "response": "x"}"# }
      return try folder.write(rows.joined(separator: "\n"), to: name)
    }
    let data = try TrainingData(
      files: [
        WeightedFile(try file("a", 10), weight: 2), WeightedFile(try file("b", 8), weight: 0.5),
      ], base: base)
    for shuffles in [true, false] {
      let rows = steps(data, TrainingOptions(epochs: 3, batchRows: 5, shuffles: shuffles))
      #expect(rows.count == 15)
      let counts = Dictionary(grouping: rows.joined(), by: { $0 }).mapValues(\.count)
      #expect((0..<10).allSatisfy { counts[$0] == 6 })
      #expect((10..<18).reduce(0) { $0 + (counts[$1] ?? 0) } == 12)
    }
  }

  @Test func anEpochTakesEachRowOnceAndEndsWithAShorterBatch() async throws {
    let base = try await TinyModel.load()
    let rows = try steps(
      TinyModel.data(10).source(for: base), TrainingOptions(epochs: 1.5, batchRows: 2, accumulation: 2))
    #expect(rows.map(\.count) == [4, 4, 2, 4, 1])
    #expect(rows[..<3].joined().sorted() == Array(0..<10))
  }
}
