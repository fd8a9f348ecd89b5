import MotetModels
import MotetTensor
import Testing

/// Answers and texts that are read in one pass.
@Suite struct JoinedPassTests {
  /// Also where activations are in bf16, as those of every base but one in f32 are.
  @Test(arguments: Precision.allCases.filter(\.isAvailable))
  @Compute func answersAndTextsAreWhatTheyAreApart(precision: Precision) async throws {
    let base = try await TinyModel.load(TinyModel.source(), precision)
    let rows = [BatchRow(tokens: [5, 17, 80], mix: .base), BatchRow(tokens: [9, 33], mix: .base)]
    let texts = [BatchRow(tokens: [3, 4, 5, 6], mix: .base), BatchRow(tokens: [80], mix: .base)]
    let (logits, sums) = try base.logits(rows, at: [2, 4], andSumsOf: texts)
    let alone = try base.logits(rows, at: [2, 4], on: base.tape(recording: false)).values
    let together = try #require(logits).values
    let apart = try base.hiddenStateSums(texts)
    #expect(together.count == alone.count && sums.count == 2)
    let size = alone.map(abs).max() ?? 1
    #expect(zip(together, alone).allSatisfy { abs($0 - $1) <= 0.02 * size })
    for (sum, expected) in zip(sums, apart) {
      #expect(sum.count == base.configuration.hiddenSize && sum.count == expected.count)
      let size = expected.map(abs).max() ?? 1
      #expect(zip(sum, expected).allSatisfy { abs($0 - $1) <= 0.02 * size })
    }
  }
}
