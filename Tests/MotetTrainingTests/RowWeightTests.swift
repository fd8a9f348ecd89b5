import MotetAdapters
import MotetModels
import MotetTensor
import Testing

@testable import MotetTraining

@Suite struct RowWeightTests {
  private func data(_ files: [WeightedFile]) throws -> TrainingData {
    try TrainingData(files: files, encoder: DataFolder.encoder())
  }

  @Test func aWeightThatTakesNoRowIsRefusedByName() throws {
    let folder = try DataFolder()
    let one = try folder.questions("one", 1)
    let ten = try folder.questions("ten", 10)
    let alone = try data([WeightedFile(one, weight: 0.3)])
    #expect(throws: DatasetError.weightTakesNothing(file: one, value: 0.3, rows: 1)) {
      try alone.checkWeights()
    }
    // Beside another file too: what was named would be left out in silence.
    let beside = try data([WeightedFile(ten), WeightedFile(one, weight: 0.3)])
    #expect(throws: DatasetError.weightTakesNothing(file: one, value: 0.3, rows: 1)) {
      try beside.checkWeights()
    }
    let small = try data([WeightedFile(ten, weight: 0.04), WeightedFile(one, weight: 1e-9)])
    #expect(throws: DatasetError.weightTakesNothing(file: ten, value: 0.04, rows: 10)) {
      try small.checkWeights()
    }
  }

  @Test func theErrorSaysTheLeastWeightAndThatOneIsTaken() throws {
    #expect(
      DatasetError.weightTakesNothing(file: "a.jsonl", value: 0.3, rows: 1).description
        == "a.jsonl=0.3: this weight takes none of the file's 1 row in an epoch; give at least 0.5, or leave the file out"
    )
    let folder = try DataFolder()
    for (count, least) in [(1, 0.5), (3, 0.17), (10, 0.05), (7, 0.072)] {
      let file = try folder.questions("q\(count)", count)
      #expect(
        "\(DatasetError.weightTakesNothing(file: "", value: 0, rows: count))".contains("at least \(least),"))
      let rows = try data([WeightedFile(file, weight: least)])
      try rows.checkWeights()
      #expect(rows.epochLength == 1)
    }
  }

  @Test func aSplitThatLeavesAFileTooFewRowsIsRefused() throws {
    let folder = try DataFolder()
    let two = try folder.questions("two", 2)
    let parts = try data([WeightedFile(two, weight: 0.3)]).split(validation: 0.5, seed: 0)
    #expect(parts.training.count == 1)
    #expect(throws: DatasetError.self) { try parts.training.checkWeights() }
  }

  @Test func aRunWithoutRowsInAnEpochDoesNotBegin() async throws {
    let base = try await TinyModel.load()
    let folder = try DataFolder()
    let one = try folder.questions("one", 1)
    let rows = try TrainingData(files: [WeightedFile(one, weight: 0.3)], base: base)
    let job = TrainingJob(name: "a", method: LoRA(rank: 2), options: TrainingOptions(), data: rows)
    await #expect(throws: DatasetError.weightTakesNothing(file: one, value: 0.3, rows: 1)) {
      _ = try await TrainingRun(base, jobs: [job]).train()
    }
  }

  @Test func theSmallestPartOfAnEpochIsOneRow() throws {
    let folder = try DataFolder()
    let rows = try data([WeightedFile(try folder.questions("ten", 10))])
    for epochs in [0.001, 1e-300] {
      var order = BatchOrder(rows, options: TrainingOptions(epochs: epochs, batchRows: 4))
      #expect(order.steps == 1)
      #expect(order.next()?.count == 1 && order.next() == nil)
    }
  }
}
