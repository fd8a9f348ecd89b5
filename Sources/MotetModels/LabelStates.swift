import Foundation
import MotetTensor

/// The hidden states of some labels, normed, and the weights that their rows went through.
@Compute
struct LabelStates {
  let states: Tensor
  let weights: ModelWeights
  /// Places of these labels among all labels, ascending.
  let places: [Int]
  /// What the mixes of rows add to the head; rows count among these states.
  let terms: [LowRankTerm]
  /// Of the scores: see ``HeadBlock``.
  let softcap: Float?

  /// Those that teach labels among these, by the place among these.
  func teachers(among all: [HeadTeacher]) -> [HeadTeacher] {
    all.compactMap { teacher in
      guard let first = places.firstIndex(of: teacher.rows.lowerBound) else { return nil }
      return teacher.moved(to: first)
    }
  }
}

extension LabelStates {
  /// Logits `[labels, vocabulary]`, f32.
  func logits(on tape: Tape) throws -> Tensor {
    try adapted(states, terms, on: tape)
  }

  private func adapted(_ states: Tensor, _ terms: [LowRankTerm], on tape: Tape) throws -> Tensor {
    guard !terms.isEmpty else { return try tape.logits(states, head: weights.head, softcap: softcap) }
    let logits = try tape.logits(states, head: weights.head)
    // In f32 whatever the base is held in: a row of logits is one product of few ranks.
    let tape = Tape(recording: false)
    let adapted = try tape.lowRankParts(states.converted(to: .f32), terms: terms, addedTo: logits)
    if let softcap { adapted.cap(softcap, kernels: tape.kernels) }
    return adapted
  }

  /// The loss of each label in nats where mixes change the head, by chunks of rows: the fused operator knows frozen
  /// heads alone.
  func losses(_ targets: [Int32]) throws -> [Float] {
    let tape = Tape(recording: false)
    let (states, rows) = (states.converted(to: .f32), 64)
    var losses: [Float] = []
    for first in stride(from: 0, to: targets.count, by: rows) {
      let range = first..<min(first + rows, targets.count)
      let part = tape.gather(states, rows: Array(range))
      let own = terms.compactMap { $0.cut(to: range) }
      let logits = try adapted(part, own, on: tape)
      for (row, target) in targets[range].enumerated() {
        let values = UnsafeBufferPointer(start: logits.row(row), count: logits.columns)
        let highest = values.max() ?? 0
        let total = values.reduce(0.0) { $0 + exp(Double($1 - highest)) }
        losses.append(Float(log(total)) + highest - values[Int(target)])
      }
    }
    return losses
  }
}

extension LowRankTerm {
  /// The same for some of the rows, counted from the first of these; nil where it has none of them.
  fileprivate func cut(to range: Range<Int>) -> LowRankTerm? {
    let own = rows.clamped(to: range)
    guard !own.isEmpty else { return nil }
    return LowRankTerm(
      rows: own.lowerBound - range.lowerBound..<own.upperBound - range.lowerBound, columns: columns,
      loraA: loraA, loraB: loraB, scale: scale)
  }
}

extension BaseModel {
  /// What the mixes of `rows` add to the head at chosen packed positions, as terms on the states of these.
  func headTerms(of rows: [BatchRow], at positions: [Int]) -> [LowRankTerm] {
    guard rows.contains(where: { !$0.mix.headTerms.isEmpty }) else { return [] }
    let owners = rows.flatMap { [BoundMix](repeating: $0.mix, count: $0.tokens.count) }
    var terms: [LowRankTerm] = []
    var start = 0
    while start < positions.count {
      let mix = owners[positions[start]]
      var end = start + 1
      while end < positions.count, owners[positions[end]] === mix { end += 1 }
      terms += mix.headTerms.map {
        LowRankTerm(
          rows: start..<end, columns: 0..<configuration.vocabulary, loraA: $0.loraA, loraB: $0.loraB,
          scale: $0.scale)
      }
      start = end
    }
    return terms
  }
}
