import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import Testing

@testable import MotetTraining

/// State that is larger than its budget lies in a file, and nothing else changes.
@Suite struct OptimizerMemoryTests {
  private let folder = FileManager.default.temporaryDirectory

  @Compute private func parameters() -> [Parameter] {
    [(300, 100), (7, 1), (41, 130), (1, 4096)].enumerated().map { index, shape in
      var generator = SeededGenerator(seed: UInt64(index))
      let values = (0..<shape.0 * shape.1).map { _ in Float(generator.normal()) }
      return Parameter(rows: shape.0, columns: shape.1, values, trainable: true)
    }
  }

  @Compute private func step(_ optimizer: any Optimizer, _ number: Int) {
    for (index, parameter) in optimizer.parameters.enumerated() {
      var generator = SeededGenerator(seed: UInt64(100 * number + index))
      guard let gradient = parameter.gradient else { continue }
      for i in 0..<gradient.count { gradient.data[i] = Float(generator.normal()) }
    }
    optimizer.step(learningRate: 1e-2, gradientScale: 0.5)
  }

  @Test(arguments: OptimizerKind.allCases)
  @Compute func pagedStepsAreThoseInMemoryBitForBit(kind: OptimizerKind) throws {
    let memory = OptimizerMemory(budget: kind.pageBytes, folder: folder)
    let plain = try kind.make(parameters(), weightDecay: 0.01)
    let paged = try kind.make(parameters(), weightDecay: 0.01, memory: memory)
    for number in 0..<4 {
      step(plain, number)
      step(paged, number)
    }
    func values(_ optimizer: any Optimizer) -> [Float] { optimizer.parameters.flatMap { $0.values.values } }
    let isSame = values(plain) == values(paged)
    #expect(isSame)
    let isSameState = plain.state == paged.state
    #expect(isSameState)
    // From one to the other, and on.
    let other = try kind.make(parameters(), weightDecay: 0.01, memory: memory)
    try other.restore(plain.state)
    for (parameter, source) in zip(other.parameters, plain.parameters) {
      parameter.values.copy(from: source.values)
    }
    step(plain, 9)
    step(other, 9)
    let goesOn = values(plain) == values(other)
    #expect(goesOn)
  }

  @Test @Compute func stateThatFitsStaysInMemory() throws {
    let kinds = AdamW.kinds
    let small = try StateMemory(kinds, counts: [5000], memory: .init(budget: 1 << 20, folder: folder))
    #expect(!small.isPaged)
    let large = try StateMemory(kinds, counts: [500_000], memory: .init(budget: 1 << 20, folder: folder))
    #expect(large.isPaged && large.byteCount == 4_000_000)
    #expect(large.data(0, 1).allSatisfy { $0 == 0 }, "it begins as zeros")
  }

  #if os(Linux)
    /// Pages of files that are resident in this process, in bytes.
    private func residentFilePages() throws -> Int {
      let words = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
      return (Int(words[2]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    @Test @Compute func noMoreThanTheBudgetIsResident() throws {
      let (budget, count) = (8 << 20, 4 << 20)
      let memory = try StateMemory(
        AdamW.kinds, counts: [count, count], memory: OptimizerMemory(budget: budget, folder: folder))
      let before = try residentFilePages()
      var most = 0
      for _ in 0..<2 {
        for parameter in 0..<2 {
          memory.forEachPiece(of: parameter) { values, arrays in
            for array in arrays { memset(array, 1, 4 * values.count) }
            most = max(most, ((try? residentFilePages()) ?? .max) - before)
          }
        }
      }
      print("64 MiB of state in 8 MiB: \(most >> 10) KiB resident at most")
      #expect(most <= budget + 1 << 20)
      #expect(most >= budget / 2, "what the budget holds stays")
      #expect(memory.data(1, 0).allSatisfy { $0 == 1 }, "what was let go is still there")
      var (lent, mostLent) = (0, 0)
      for array in memory.arrays(StateMemory.names) {
        try array.lend {
          lent += $0.count { $0 == 1 }
          mostLent = max(mostLent, ((try? residentFilePages()) ?? .max) - before)
        }
      }
      #expect(lent == 4 * 4 * count && mostLent <= budget + 1 << 20, "nor while a checkpoint reads it")
    }
  #endif

  @Test @Compute func aBudgetBelowAPageOfStateIsRefused() throws {
    for kind in OptimizerKind.allCases {
      let error = #expect(throws: OptimizerMemoryError.self) {
        try kind.make(
          parameters(), weightDecay: 0, memory: OptimizerMemory(budget: kind.pageBytes - 1, folder: folder))
      }
      #expect(error == .tooSmall(budget: kind.pageBytes - 1, page: kind.pageBytes))
    }
    let options = TrainingOptions(optimizerMemory: 1000)
    let error = #expect(throws: TrainingError.self) { try options.validate() }
    #expect("\(try #require(error))".contains("--optimizer-memory 1000 bytes"))
    #expect("\(try #require(error))".contains("\(OptimizerKind.adamW.pageBytes)"))
  }

  @Test @Compute func aDiskWithoutRoomIsSaidAtTheStart() {
    let error = #expect(throws: OptimizerMemoryError.self) {
      try StateMemory(AdamW.kinds, counts: [1 << 50], memory: .init(budget: 1 << 20, folder: folder))
    }
    #expect(error.map { "\($0)" }?.contains("the optimizer's state needs") == true)
    #expect(throws: OptimizerMemoryError.self) {
      try StateMemory(
        AdamW.kinds, counts: [1 << 20],
        memory: .init(budget: 1 << 20, folder: URL(filePath: "/no/such/folder")))
    }
  }

  @Test func aRunWithABudgetEndsWithTheSameAdapter() async throws {
    let base = try await TinyModel.load()
    func weights(_ memory: Int?) async throws -> [String: LowRankWeights] {
      let options = TrainingOptions(epochs: 2, batchRows: 4, learningRate: 5e-3, optimizerMemory: memory)
      return try await Trainer(base, method: LoRA(rank: 8), options: options)
        .train(on: TinyModel.data(12), from: nil, evaluation: nil).adapter.weights.sites
    }
    let (plain, paged) = (try await weights(nil), try await weights(OptimizerKind.adamW.pageBytes))
    let isSame = plain == paged
    #expect(isSame)
  }

  @Test func sizesAreReadAsTheyAreWritten() {
    let sizes: [(String, Int?)] = [
      ("64MB", 64_000_000), ("1.5GB", 1_500_000_000), ("512KiB", 524_288), ("65536", 65536), ("2 MB", nil),
      ("MB", nil), ("-1MB", nil), ("lots", nil),
    ]
    for (text, bytes) in sizes { #expect(ByteCount(text: text)?.bytes == bytes, "\(text)") }
    for bytes in [64_000_000, 65536] { #expect(ByteCount(text: ByteCount(bytes).text)?.bytes == bytes) }
  }
}

extension StateMemory {
  /// Of ``AdamW/kinds``.
  fileprivate static var names: [(Int) -> String] { [{ "mean.\($0)" }, { "square.\($0)" }] }

  /// A copy of one array.
  fileprivate func data(_ parameter: Int, _ kind: Int) -> Data {
    var copy = Data()
    let array = arrays(Self.names)[parameter * Self.names.count + kind]
    try? array.lend { copy.append(contentsOf: $0) }
    return copy
  }
}
