/// The part of a chart where curves are drawn: its edges in pixels, its axes, its grid and their names.
struct Frame {
  let left: Double
  let right: Double
  let top: Double
  let bottom: Double
  let horizontal: Axis
  let vertical: Axis

  /// Where a value of both axes is drawn.
  func place(_ point: (Double, Double)) -> (Double, Double) {
    (
      left + horizontal.position(point.0) * (right - left),
      bottom - vertical.position(point.1) * (bottom - top)
    )
  }

  func draw(xLabel: String, yLabel: String, in drawing: inout Drawing) {
    for tick in vertical.ticks {
      let y = place((horizontal.low, tick)).1
      drawing.line(left, y, right, y)
      drawing.text(vertical.label(tick), x: left - 8, y: y + 4, anchor: .end, style: "soft number")
    }
    for tick in horizontal.ticks {
      let x = place((tick, vertical.low)).0
      drawing.text(horizontal.label(tick), x: x, y: bottom + 18, anchor: .middle, style: "soft number")
    }
    drawing.text(xLabel, x: (left + right) / 2, y: bottom + 36, anchor: .middle, style: "soft")
    let middle = (top + bottom) / 2
    drawing.text(
      yLabel, x: 16, y: middle, anchor: .middle, style: "soft",
      extra: " transform=\"rotate(-90 16 \(coordinate(middle)))\"")
  }
}
