import Foundation

/// The model's own distribution at one place: log-softmax in f32, before any penalty or filter.
struct TokenLogprobs {
  private let logSum: Float
  private let likeliest: [ServedToken.Alternative]

  /// - Parameter alternatives: how many of the likeliest are told
  init?(_ logits: UnsafeBufferPointer<Float>, alternatives count: Int) {
    guard let highest = VectorMath.maximum(logits) else { return nil }
    let logSum =
      highest + Float(log(VectorMath.exponentials(logits, highest: highest, scale: 1, into: nil)))
    self.logSum = logSum
    likeliest = Self.largest(count, of: logits).map {
      ServedToken.Alternative(id: Int32($0), logprob: logits[$0] - logSum)
    }
  }

  func token(_ id: Int32, logit: Float) -> ServedToken {
    ServedToken(id: id, logprob: logit - logSum, alternatives: likeliest)
  }

  /// The places of the largest values, largest first: each is compared with the least of those found so far.
  private static func largest(_ count: Int, of values: UnsafeBufferPointer<Float>) -> [Int] {
    guard count > 0 else { return [] }
    var found: [Int] = []
    found.reserveCapacity(count + 1)
    var least = -Float.infinity
    for index in 0..<values.count where values[index] > least || found.count < count {
      let value = values[index]
      var place = found.count
      while place > 0, values[found[place - 1]] < value { place -= 1 }
      found.insert(index, at: place)
      if found.count > count { found.removeLast() }
      if found.count == count { least = values[found[count - 1]] }
    }
    return found
  }
}
