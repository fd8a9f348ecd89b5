import MotetModels
import MotetTensor

/// The passes that a scheduler asks for, each of which may fail.
@Compute
protocol ModelPasses: Sendable {
  /// Logits at `positions` of the rows packed end to end, `[positions, vocabulary]`; nil where there are none, and keys
  /// and values are all that is wanted.
  func logits(_ rows: [BatchRow], at positions: [Int]) throws -> Tensor?

  /// The sum of each row's last hidden states, normed, `[rows][hidden]`.
  func hiddenStateSums(_ rows: [BatchRow]) throws -> [[Float]]

  /// Both: the logits of `rows`, and the sums of `texts`, whose keys and values are kept as those of `rows` are.
  func logits(
    _ rows: [BatchRow], at positions: [Int], andSumsOf texts: [BatchRow]
  ) throws -> (logits: Tensor?, sums: [[Float]])
}

extension BaseModel: ModelPasses {
  func logits(_ rows: [BatchRow], at positions: [Int]) throws -> Tensor? {
    let tape = tape(recording: false)
    guard !positions.isEmpty else {
      _ = try hiddenStates(rows, on: tape)
      return nil
    }
    return try logits(rows, at: positions, on: tape)
  }
}
