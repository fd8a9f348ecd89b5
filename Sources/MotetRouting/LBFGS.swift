/// Limited-memory BFGS (Nocedal and Wright, Numerical Optimization, algorithm 7.5) with backtracking.
///
/// Deterministic: no randomness, one thread, a fixed order of sums.
struct LBFGS {
  var maximumSteps = 100
  var memory = 8
  /// Stops when no component of the gradient is larger than this.
  var tolerance = 1e-5

  /// Minimises `objective`, which returns the loss and fills in the gradient.
  func minimize(
    _ start: [Double], objective: (_ parameters: [Double], _ gradient: inout [Double]) -> Double
  ) -> [Double] {
    var x = start
    var gradient = [Double](repeating: 0, count: x.count)
    var loss = objective(x, &gradient)
    var steps: [(s: [Double], y: [Double], rho: Double)] = []
    var nextGradient = gradient
    for _ in 0..<maximumSteps {
      if gradient.allSatisfy({ abs($0) <= tolerance }) { break }
      var direction = descent(from: gradient, history: steps)
      var slope = dot(direction, gradient)
      if !(slope < 0) {
        steps.removeAll()
        direction = gradient.map { -$0 }
        slope = -dot(gradient, gradient)
      }
      var length = steps.isEmpty ? min(1, 1 / max(-slope, 1e-12).squareRoot()) : 1.0
      var next = x
      var nextLoss = Double.infinity
      for _ in 0..<30 {
        for i in x.indices { next[i] = x[i] + length * direction[i] }
        nextLoss = objective(next, &nextGradient)
        if nextLoss <= loss + 1e-4 * length * slope { break }
        length /= 2
      }
      guard nextLoss < loss else { break }
      var s = next
      var y = nextGradient
      for i in x.indices {
        s[i] -= x[i]
        y[i] -= gradient[i]
      }
      let curvature = dot(s, y)
      if curvature > 1e-12 {
        if steps.count == memory { steps.removeFirst() }
        steps.append((s, y, 1 / curvature))
      }
      let gain = loss - nextLoss
      x = next
      swap(&gradient, &nextGradient)
      loss = nextLoss
      if gain < 1e-9 * max(1, abs(loss)) { break }
    }
    return x
  }

  /// The two-loop recursion: minus the gradient through the approximate inverse Hessian.
  private func descent(
    from gradient: [Double], history: [(s: [Double], y: [Double], rho: Double)]
  ) -> [Double] {
    var q = gradient
    var alphas: [Double] = []
    for step in history.reversed() {
      let alpha = step.rho * dot(step.s, q)
      alphas.append(alpha)
      for i in q.indices { q[i] -= alpha * step.y[i] }
    }
    if let last = history.last {
      let scale = 1 / (last.rho * dot(last.y, last.y))
      for i in q.indices { q[i] *= scale }
    }
    for (step, alpha) in zip(history, alphas.reversed()) {
      let beta = step.rho * dot(step.y, q)
      for i in q.indices { q[i] += (alpha - beta) * step.s[i] }
    }
    for i in q.indices { q[i] = -q[i] }
    return q
  }

  private func dot(_ a: [Double], _ b: [Double]) -> Double {
    var sum = 0.0
    for i in a.indices { sum += a[i] * b[i] }
    return sum
  }
}
