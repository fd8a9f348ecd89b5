/// What a pass takes: the time in which weights are read, whatever is in it, and some time for each token. Both are found
/// by least squares over the passes that were, of which the latest count most.
struct PassCost {
  /// Tokens of the largest pass that counts: in larger ones a token takes less time.
  private static let most = 64
  /// By how much a pass counts less with each one after it.
  private static let memory = 0.998

  private var passes = 0.0
  private var tokens = 0.0
  private var seconds = 0.0
  private var squares = 0.0
  private var products = 0.0

  mutating func add(tokens count: Int, seconds time: Double) {
    guard (1...Self.most).contains(count) else { return }
    let x = Double(count)
    // The machine may have done something else meanwhile.
    let y = line.map { min(time, 4 * max($0.start + $0.slope * x, 1e-6)) } ?? time
    passes = Self.memory * passes + 1
    tokens = Self.memory * tokens + x
    seconds = Self.memory * seconds + y
    squares = Self.memory * squares + x * x
    products = Self.memory * products + x * y
  }

  /// Seconds of a pass without a token, and of each token; nil while passes were too few or too much alike.
  private var line: (start: Double, slope: Double)? {
    let spread = passes * squares - tokens * tokens
    guard passes > 16, spread > 2 * passes * passes else { return nil }
    let slope = (passes * products - tokens * seconds) / spread
    return ((seconds - slope * tokens) / passes, slope)
  }

  /// Tokens of the pass that takes `stretch` times as long as one of a single token; nil while that is not known.
  func tokens(stretch: Double) -> Int? {
    guard let (start, slope) = line else { return nil }
    guard slope > 0 else { return Self.most }
    let more = (stretch - 1) * (max(start, 0) + slope) / slope
    return 1 + Int(min(max(more, 0), Double(Self.most - 1)))
  }
}
