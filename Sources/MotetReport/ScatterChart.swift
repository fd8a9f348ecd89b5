/// Named points over two axes: the loss of each method over how much it trains.
///
/// ```swift
/// let chart = ScatterChart(
///   title: "What training bought", xLabel: "trainable parameters", yLabel: "nats",
///   points: [(name: "lora", x: 4_884_480, y: 0.91), (name: "ia3", x: 57_600, y: 1.12)])
/// ```
///
/// Each name stands beside its point, where it covers neither another name nor a point; a thin line leads to one that
/// had to move away.
public struct ScatterChart: Sendable {
  public var title: String
  public var xLabel: String
  public var yLabel: String
  public var points: [(name: String, x: Double, y: Double)]
  /// Equal stretches of the horizontal axis are equal factors; points at 0 and below are left out.
  public var isLogarithmic: Bool
  /// Draws the points that no other beats at both axes in the second colour: none is lower with as little.
  public var marksFrontier: Bool
  public var width: Double
  public var height: Double

  public init(
    title: String, xLabel: String, yLabel: String, points: [(name: String, x: Double, y: Double)],
    isLogarithmic: Bool = true, marksFrontier: Bool = true, width: Double = 720, height: Double = 420
  ) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.points = points
    self.isLogarithmic = isLogarithmic
    self.marksFrontier = marksFrontier
    self.width = width
    self.height = height
  }

  /// The picture; points that are not finite are left out.
  public func svg() -> String {
    let shown = points.filter { $0.x.isFinite && $0.y.isFinite && (!isLogarithmic || $0.x > 0) }
    let horizontal =
      isLogarithmic ? Axis(logarithmicCovering: shown.map(\.x)) : Axis(covering: shown.map(\.x), about: 7)
    let vertical = Axis(covering: shown.map(\.y), about: 6)
    let frame = Frame(
      left: 34 + (vertical.ticks.map { textWidth(vertical.label($0), size: 12) }.max() ?? 20),
      right: width - 22, top: 46, bottom: height - 46, horizontal: horizontal, vertical: vertical)

    var drawing = Drawing(width: width, height: height, title: title)
    drawing.text(fitted(title, size: 15, width: width - 32), x: 16, y: 25, style: "title")
    frame.draw(xLabel: xLabel, yLabel: yLabel, in: &drawing)
    if shown.isEmpty {
      drawing.text(
        "no data", x: (frame.left + frame.right) / 2, y: (frame.top + frame.bottom) / 2, anchor: .middle,
        style: "soft")
    }
    let places = shown.map { frame.place(($0.x, $0.y)) }
    var labels = LabelPlacement(
      within: Box(left: frame.left, top: 32, right: width - 4, bottom: frame.bottom), avoiding: places)
    let frontier = marksFrontier ? Self.frontier(shown) : []
    for index in shown.indices {
      let name = fitted(shown[index].name, size: 12, width: 160)
      let label = labels.place(width: textWidth(name, size: 12), beside: places[index])
      if label.isAway {
        drawing.line(
          places[index].0, places[index].1, label.box.nearestX(to: places[index].0), label.box.middle)
      }
      drawing.text(name, x: label.box.left + 2, y: label.box.bottom - 4)
    }
    for index in shown.indices {
      drawing.add(
        Stroke(frontier.contains(index) ? 1 : 0).dot(
          places[index], tip: "\(shown[index].name): \(counted(shown[index].x)), \(readable(shown[index].y))")
      )
    }
    return drawing.svg()
  }

  /// The points than which none is lower on both axes.
  static func frontier(_ points: [(name: String, x: Double, y: Double)]) -> Set<Int> {
    Set(
      points.indices.filter { index in
        let own = points[index]
        return !points.contains { other in
          other.x <= own.x && other.y <= own.y && (other.x < own.x || other.y < own.y)
        }
      })
  }
}
