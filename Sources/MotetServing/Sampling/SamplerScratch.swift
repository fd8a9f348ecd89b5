/// Room for the weights of a row of logits, shared by all requests, and the search for the likeliest among them.
///
/// A row is never sorted as a whole. Weights e^((x - max)/T) lie in (0, 1]; they are counted by the leading bits of
/// their floating-point form, four classes to each power of two, and the classes that are taken or left whole need no
/// order: only the one in which the limit falls is sorted.
final class SamplerScratch {
  private(set) var weights: UnsafeMutablePointer<Float>
  private var capacity = 0
  private var masses = [Double](repeating: 0, count: SamplerScratch.classes)
  private var counts = [Int](repeating: 0, count: SamplerScratch.classes)

  /// Of the sign, the exponent and two bits of the fraction; 1 is in the last one.
  private static let shift: UInt32 = 21
  private static let classes = Int(Float(1).bitPattern >> shift) + 2

  init() { weights = .allocate(capacity: 1) }

  deinit { weights.deallocate() }

  func prepare(_ count: Int) {
    guard count > capacity else { return }
    weights.deallocate()
    weights = .allocate(capacity: count)
    capacity = count
  }

  @inline(__always)
  private func place(_ weight: Float) -> Int { min(Int(weight.bitPattern >> Self.shift), Self.classes - 1) }

  /// The tokens that filters leave, likeliest first within the last class.
  /// - Parameters:
  ///   - least: of a weight, min-p's limit
  ///   - topK: 0 for all
  ///   - topP: of what top-k left
  ///   - total: Σ of all weights
  func likeliest(
    _ logits: UnsafeBufferPointer<Float>, atLeast least: Float, topK: Int, topP: Double, total: Double
  ) -> [Int32] {
    for index in 0..<Self.classes { (masses[index], counts[index]) = (0, 0) }
    var mass = 0.0
    var count = 0
    for index in 0..<logits.count {
      let weight = weights[index]
      guard weight >= least, weight > 0 else { continue }
      let place = place(weight)
      masses[place] += Double(weight)
      counts[place] += 1
      mass += Double(weight)
      count += 1
    }
    var kept = Kept(tokens: [], mass: mass)
    if topK > 0, topK < count { kept = take(logits, least) { _, taken in taken < topK } }
    guard topP < 1 else { return kept.tokens.isEmpty ? all(logits, least) : kept.tokens }
    let limit = topP * kept.mass
    if kept.tokens.isEmpty { return take(logits, least) { mass, _ in mass < limit }.tokens }
    kept.tokens.sort { precedes($0, $1, logits) }
    var reached = 0.0
    var end = 0
    while end < kept.tokens.count, end == 0 || reached < limit {
      reached += Double(weights[Int(kept.tokens[end])])
      end += 1
    }
    return Array(kept.tokens.prefix(end))
  }

  private struct Kept {
    var tokens: [Int32]
    var mass: Double
  }

  private func all(_ logits: UnsafeBufferPointer<Float>, _ least: Float) -> [Int32] {
    (0..<Int32(logits.count)).filter { weights[Int($0)] >= least && weights[Int($0)] > 0 }
  }

  private func precedes(_ a: Int32, _ b: Int32, _ logits: UnsafeBufferPointer<Float>) -> Bool {
    (logits[Int(a)], b) > (logits[Int(b)], a)
  }

  /// The likeliest tokens for as long as `goesOn` wants one more, and at least one.
  private func take(
    _ logits: UnsafeBufferPointer<Float>, _ least: Float, while goesOn: (_ mass: Double, _ taken: Int) -> Bool
  ) -> Kept {
    var mass = 0.0
    var taken = 0
    var last = Self.classes - 1
    // Whole classes, as long as one more token would be wanted after them.
    while last > 0, goesOn(mass + masses[last], taken + counts[last]) || counts[last] == 0 {
      mass += masses[last]
      taken += counts[last]
      last -= 1
    }
    var tokens: [Int32] = []
    var edge: [Int32] = []
    for index in 0..<logits.count {
      let weight = weights[index]
      guard weight >= least, weight > 0 else { continue }
      let place = place(weight)
      if place > last { tokens.append(Int32(index)) } else if place == last { edge.append(Int32(index)) }
    }
    edge.sort { precedes($0, $1, logits) }
    for token in edge where tokens.isEmpty || goesOn(mass, taken) {
      tokens.append(token)
      mass += Double(weights[Int(token)])
      taken += 1
    }
    return Kept(tokens: tokens, mass: mass)
  }
}
