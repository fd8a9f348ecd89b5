/// A rectangle in pixels.
struct Box {
  var left: Double
  var top: Double
  var right: Double
  var bottom: Double

  var middle: Double { (top + bottom) / 2 }

  func overlap(with other: Box) -> Double {
    max(0, min(right, other.right) - max(left, other.left))
      * max(0, min(bottom, other.bottom) - max(top, other.top))
  }

  func contains(_ other: Box) -> Bool {
    left <= other.left && top <= other.top && right >= other.right && bottom >= other.bottom
  }

  /// The end of the box that a line from `x` comes to.
  func nearestX(to x: Double) -> Double { min(max(x, left), right) }
}

/// Puts labels beside points, one after the other, each at the first place around its point where it covers nothing:
/// eight directions, in rings that grow.
struct LabelPlacement {
  private let frame: Box
  private var taken: [Box]
  private let height = 15.0

  /// - Parameter points: that no label may cover
  init(within frame: Box, avoiding points: [(Double, Double)]) {
    self.frame = frame
    taken = points.map { Box(left: $0.0 - 5, top: $0.1 - 5, right: $0.0 + 5, bottom: $0.1 + 5) }
  }

  /// - Returns: the label's box, and whether it is so far from its point that a line should lead to it
  mutating func place(width text: Double, beside point: (Double, Double)) -> (box: Box, isAway: Bool) {
    let width = text + 4
    var best: (box: Box, isAway: Bool, cost: Double)?
    for ring in 0..<12 {
      for box in around(point, width: width, distance: 6 + Double(ring) * 11) where frame.contains(box) {
        let cost = taken.reduce(0) { $0 + $1.overlap(with: box) }
        if cost < best?.cost ?? .infinity { best = (box, ring > 0, cost) }
        if cost == 0 { break }
      }
      if best?.cost == 0 { break }
    }
    // No place within the frame: to the right, whatever is there.
    let found = best ?? (around(point, width: width, distance: 6)[0], false, 0)
    taken.append(found.box)
    return (found.box, found.isAway)
  }

  /// To the right, to the left, above, below, and between.
  private func around(_ point: (Double, Double), width: Double, distance: Double) -> [Box] {
    func box(_ x: Double, _ y: Double) -> Box { Box(left: x, top: y, right: x + width, bottom: y + height) }
    let (x, y) = point
    let (level, above, below) = (y - height / 2, y - distance - height, y + distance)
    return [
      box(x + distance, level), box(x - distance - width, level), box(x - width / 2, above),
      box(x - width / 2, below), box(x + distance, above), box(x + distance, below),
      box(x - distance - width, above), box(x - distance - width, below),
    ]
  }
}
