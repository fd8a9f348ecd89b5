/// Room for the weights of a row of logits, shared by all requests, and the search for the likeliest among them.
///
/// A row is never sorted as a whole. Weights e^((x - max)/T) lie in (0, 1]. Those worth looking at are gathered first;
/// then they are counted by the leading bits of their floating-point form, four classes to each power of two: the classes
/// that are taken or left whole need no order, and only the one in which the limit falls is sorted.
final class SamplerScratch {
  private(set) var weights: UnsafeMutablePointer<Float>
  private var candidates: UnsafeMutablePointer<Int32>
  private var capacity = 0
  private var classes = [(mass: Double, count: Int)](repeating: (0, 0), count: SamplerScratch.classCount)

  /// Of the sign, the exponent and two bits of the fraction; 1 is in the last one.
  private static let shift: UInt32 = 21
  private static let classCount = Int(Float(1).bitPattern >> shift) + 2
  /// Most rows have all that filters leave above this weight.
  private static let worthwhile: Float = 0x1p-12

  init() {
    weights = .allocate(capacity: 1)
    candidates = .allocate(capacity: 1)
  }

  deinit {
    weights.deallocate()
    candidates.deallocate()
  }

  func prepare(_ count: Int) {
    guard count > capacity else { return }
    weights.deallocate()
    candidates.deallocate()
    weights = .allocate(capacity: count)
    candidates = .allocate(capacity: count)
    capacity = count
  }

  private struct Found {
    var tokens: [Int32]
    var mass: Double
  }

  /// The tokens that filters leave.
  /// - Parameters:
  ///   - least: of a weight, min-p's limit
  ///   - topK: 0 for all
  ///   - topP: of what top-k left
  ///   - total: Σ of all weights
  func likeliest(
    _ logits: UnsafeBufferPointer<Float>, atLeast least: Float, topK: Int, topP: Double, total: Double
  ) -> [Int32] {
    var (count, mass) = gather(logits.count, atLeast: least > 0 ? least : Self.worthwhile)
    if least == 0 {
      if topK > 0 ? count < topK : mass < topP * total { (count, mass) = gather(logits.count, atLeast: 0) }
      if topK == 0 { mass = total }
    }
    if topK == 0 {
      let limit = topP * mass
      return topP < 1 ? take(count, logits) { mass, _ in mass < limit }.tokens : all(count)
    }
    var kept =
      topK < count ? take(count, logits) { _, taken in taken < topK } : Found(tokens: all(count), mass: mass)
    guard topP < 1 else { return kept.tokens }
    kept.tokens.sort { precedes($0, $1, logits) }
    let limit = topP * kept.mass
    var reached = 0.0
    var end = 0
    while end < kept.tokens.count, end == 0 || reached < limit {
      reached += Double(weights[Int(kept.tokens[end])])
      end += 1
    }
    return Array(kept.tokens.prefix(end))
  }

  /// Enters the tokens of weights above 0 that are at least so large.
  private func gather(_ count: Int, atLeast floor: Float) -> (count: Int, mass: Double) {
    let (weights, candidates) = (weights, candidates)
    let limit = max(floor, .leastNonzeroMagnitude)
    var found = 0
    var mass = 0.0
    func enter(_ index: Int) {
      guard weights[index] >= limit else { return }
      candidates[found] = Int32(index)
      found += 1
      mass += Double(weights[index])
    }
    var index = 0
    while index + 16 <= count {
      let lanes = UnsafeRawPointer(weights + index).loadUnaligned(as: VectorMath.Lanes.self)
      if lanes.max() >= limit { for lane in index..<index + 16 { enter(lane) } }
      index += 16
    }
    while index < count {
      enter(index)
      index += 1
    }
    return (found, mass)
  }

  private func all(_ count: Int) -> [Int32] { Array(UnsafeBufferPointer(start: candidates, count: count)) }

  private func precedes(_ a: Int32, _ b: Int32, _ logits: UnsafeBufferPointer<Float>) -> Bool {
    (logits[Int(a)], b) > (logits[Int(b)], a)
  }

  @inline(__always)
  private static func place(_ weight: Float) -> Int { min(Int(weight.bitPattern >> shift), classCount - 1) }

  /// The likeliest of the gathered tokens for as long as `goesOn` wants one more, and at least one.
  private func take(
    _ count: Int, _ logits: UnsafeBufferPointer<Float>, while goesOn: (_ mass: Double, _ taken: Int) -> Bool
  ) -> Found {
    let (weights, candidates) = (weights, candidates)
    var mass = 0.0
    var taken = 0
    var last = Self.classCount - 1
    classes.withUnsafeMutableBufferPointer { classes in
      classes.update(repeating: (0, 0))
      for index in 0..<count {
        let weight = weights[Int(candidates[index])]
        classes[Self.place(weight)].mass += Double(weight)
        classes[Self.place(weight)].count += 1
      }
      // Whole classes, as long as one more token would be wanted after them.
      while last > 0,
        goesOn(mass + classes[last].mass, taken + classes[last].count) || classes[last].count == 0
      {
        mass += classes[last].mass
        taken += classes[last].count
        last -= 1
      }
    }
    var tokens: [Int32] = []
    var edge: [Int32] = []
    for index in 0..<count {
      let token = candidates[index]
      let place = Self.place(weights[Int(token)])
      if place > last { tokens.append(token) } else if place == last { edge.append(token) }
    }
    edge.sort { precedes($0, $1, logits) }
    for token in edge where tokens.isEmpty || goesOn(mass, taken) {
      tokens.append(token)
      mass += Double(weights[Int(token)])
      taken += 1
    }
    return Found(tokens: tokens, mass: mass)
  }
}
