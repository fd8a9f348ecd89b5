import Foundation
import MotetTraining
import Testing

@Suite struct SplitTests {
  private let folder: DataFolder

  init() throws { folder = try DataFolder() }

  @Test func theSharesAreExactAndNoRowIsOnBothSides() throws {
    let data = try TrainingData(folder.questions("a", 90), folder.questions("b", 110))
    let (training, validation) = try data.split(validation: 0.1, seed: 3)
    #expect(training.count == 180 && validation.count == 20)
    #expect(try Set(training.decoded() + validation.decoded()) == Set(data.decoded()))
    #expect(training.rowsShared(with: validation) == 0 && data.rowsShared(with: validation) == 20)
    #expect(
      training.report.total.rows == 180 && validation.report.files.map(\.counts.rows).reduce(0, +) == 20)
  }

  @Test func aSeedGivesTheSameSplitAndAnotherAnother() throws {
    let data = try TrainingData(folder.questions("a", 100))
    func rows(_ seed: UInt64) throws -> [String] {
      try data.split(validation: 0.2, seed: seed).validation.decoded()
    }
    #expect(try rows(1) == rows(1))
    #expect(try rows(1) != rows(2))
    let digests = try [1, 1, 2].map { try data.split(validation: 0.2, seed: $0).training.digest }
    #expect(digests[0] == digests[1] && digests[0] != digests[2] && digests[0] != data.digest)
  }

  @Test func duplicatesStayTogether() throws {
    // 40 texts, each three times and far apart.
    let path = try folder.file((0..<120).map { #"{"text": "number \#($0 % 40)"}"# + "\n" }.joined())
    for seed in 0..<20 as Range<UInt64> {
      let (training, validation) = try TrainingData(path).split(validation: 0.1, seed: seed)
      #expect(training.rowsShared(with: validation) == 0)
      #expect(validation.count == 12)
    }
  }

  @Test func whatCannotBeSplitIsRefused() throws {
    let same = try folder.file(String(repeating: #"{"text": "a b"}"# + "\n", count: 9))
    #expect(throws: DatasetError.cannotSplit(rows: 9, share: 0.3)) {
      try TrainingData(same).split(validation: 0.3, seed: 0)
    }
    let one = try TrainingData(folder.questions("a", 1))
    #expect(throws: DatasetError.cannotSplit(rows: 1, share: 0.5)) { try one.split(validation: 0.5, seed: 0) }
    for share in [0, 1, -0.1, .nan, 2] {
      let error = #expect(throws: DatasetError.self) { try one.split(validation: share, seed: 0) }
      guard case .validationShare = error else {
        Issue.record("\(share)")
        continue
      }
    }
  }

  @Test func partsCanBeSplitAgain() throws {
    let data = try TrainingData(folder.questions("a", 100))
    let (rest, test) = try data.split(validation: 0.2, seed: 0)
    let (training, validation) = try rest.split(validation: 0.25, seed: 0)
    #expect(training.count == 60 && validation.count == 20)
    #expect(try Set(training.decoded() + validation.decoded() + test.decoded()).count == 100)
  }
}
