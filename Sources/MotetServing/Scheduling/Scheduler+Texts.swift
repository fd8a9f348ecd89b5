import MotetModels
import MotetTensor

// Texts that become vectors: they wait, hold their adapters, are read in pieces and leave as prompts do.
extension Scheduler {
  /// Reads the next pieces of texts.
  func read(_ rows: [ServedRow], _ shares: [Int: Int]) {
    let taken = rows.map {
      ($0, $0.texts?.pieces(shares[$0.arrival, default: 0], isBesideAnswers: false) ?? [])
    }
    readPass(taken.filter { $0.1.first?.isWhole == true })
    readPass(taken.filter { $0.1.first?.isWhole == false })
  }

  typealias Pieces = (row: ServedRow, pieces: [TextReading.Piece])

  func batch(of taken: [Pieces]) -> [BatchRow] {
    taken.flatMap { row, pieces in
      guard let mix = row.mix, let texts = row.texts?.texts else { return [BatchRow]() }
      return pieces.map { piece in
        BatchRow(
          tokens: Array(texts[piece.text][piece.tokens]), mix: mix.bound, start: piece.tokens.lowerBound,
          cache: piece.isWhole ? nil : row.cache?.cache)
      }
    }
  }

  private func readPass(_ taken: [Pieces]) {
    guard !taken.isEmpty else { return }
    do {
      let batch = batch(of: taken)
      take(try timed(batch) { try passes.hiddenStateSums(batch) }, of: taken)
    } catch {
      metrics.stepFailures.increment()
      for (row, _) in taken { fail(row, EngineFailure("the pass failed: \(error)")) }
    }
  }

  /// - Parameter sums: for each piece, `[pieces][hidden]`
  func take(_ sums: [[Float]], of taken: [Pieces]) {
    var first = 0
    for (row, pieces) in taken {
      take(Array(zip(pieces, sums[first..<first + pieces.count])), for: row)
      first += pieces.count
    }
  }

  private func take(_ found: [(piece: TextReading.Piece, sum: [Float])], for row: ServedRow) {
    guard let texts = row.texts else { return }
    var isAtEnd = false
    for (piece, sum) in found {
      guard sum.allSatisfy(\.isFinite) else {
        let reason = "its hidden states are not numbers"
        return fail(row, ServingError.unusableAdapter(name: row.request.mix.description, reason: reason))
      }
      isAtEnd = texts.take(piece, sum: sum)
    }
    if texts.isDone { return end(row, .stop) }
    guard isAtEnd else { return }
    // A request of thousands of texts lets the prompts that came meanwhile go before its next one.
    row.cache?.cache.clear()
    row.arrival = nextArrival()
  }
}
