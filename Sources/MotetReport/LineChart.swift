/// Curves over a common axis: losses over steps, bytes over the number of adapters.
///
/// ```swift
/// let chart = LineChart(
///   title: "Loss", xLabel: "step", yLabel: "nats",
///   series: [(name: "math", points: [(0, 1.41), (32, 1.13)])], smoothing: 0.8)
/// try chart.svg().write(toFile: "loss.svg", atomically: true, encoding: .utf8)
/// ```
public struct LineChart: Sendable {
  public var title: String
  public var xLabel: String
  public var yLabel: String
  public var series: [(name: String, points: [(Double, Double)])]
  /// Values taken now and then, such as validation losses: dots joined by a thin line, never smoothed.
  public var marks: [(name: String, points: [(Double, Double)])]
  /// Weight of the past in the running mean drawn over each curve, 0 to just under 1; nil draws none.
  public var smoothing: Double?
  /// Begins the vertical axis at 0.
  public var startsAtZero: Bool
  public var width: Double
  /// Grows by itself where the names of many curves need the room.
  public var height: Double

  public init(
    title: String, xLabel: String, yLabel: String, series: [(name: String, points: [(Double, Double)])],
    marks: [(name: String, points: [(Double, Double)])] = [],
    smoothing: Double? = nil, startsAtZero: Bool = false, width: Double = 720, height: Double = 360
  ) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.series = series
    self.marks = marks
    self.smoothing = smoothing
    self.startsAtZero = startsAtZero
    self.width = width
    self.height = height
  }

  /// The picture; points that are not finite are left out, and of points too close to tell apart some.
  public func svg() -> String {
    let curves = (series + marks).map { $0.points.filter { $0.0.isFinite && $0.1.isFinite } }
    let horizontal = Axis(covering: curves.flatMap { $0.map(\.0) }, about: 7, isLoose: false)
    let vertical = Axis(covering: curves.flatMap { $0.map(\.1) } + (startsAtZero ? [0] : []), about: 5)
    let legend = legendRows()
    let top = 46 + Double(legend.count) * 20
    let height = max(height, top + 206)
    let frame = Frame(
      left: 34 + (vertical.ticks.map { textWidth(vertical.label($0), size: 12) }.max() ?? 20),
      right: width - 22, top: top, bottom: height - 46, horizontal: horizontal, vertical: vertical)

    var drawing = Drawing(width: width, height: height, title: title)
    drawing.text(fitted(title, size: 15, width: width - 32), x: 16, y: 25, style: "title")
    draw(legend, in: &drawing)
    frame.draw(xLabel: xLabel, yLabel: yLabel, in: &drawing)
    if curves.allSatisfy(\.isEmpty) {
      drawing.text(
        "no data", x: (frame.left + frame.right) / 2, y: (frame.top + frame.bottom) / 2, anchor: .middle,
        style: "soft")
    }
    for (index, points) in curves.enumerated() {
      let stroke = Stroke(index)
      let isMark = index >= series.count
      if !isMark, let smoothing, points.count > 2 {
        var mean = Smoothing(weight: smoothing)
        drawing.add(stroke.path(points.map(frame.place), width: 1, opacity: 0.3))
        drawing.add(stroke.path(points.map { frame.place(($0.0, mean.add($0.1))) }, width: 2.2))
      } else {
        drawing.add(stroke.path(points.map(frame.place), width: isMark ? 1.2 : 2.2))
      }
      if points.count <= (isMark ? 60 : 12) {
        for point in points { drawing.add(stroke.dot(frame.place(point))) }
      }
    }
    return drawing.svg()
  }

  private typealias LegendEntry = (name: String, x: Double, index: Int)

  private func legendRows() -> [[LegendEntry]] {
    let names = (series + marks).map(\.name)
    guard names.count > 1 || names.contains(where: { !$0.isEmpty }) else { return [] }
    var rows: [[LegendEntry]] = [[]]
    var x = 16.0
    for (index, entry) in names.enumerated() {
      let name = fitted(entry, size: 12, width: width / 2)
      let needed = 20 + textWidth(name, size: 12) + 22
      if x + needed > width - 16, x > 16 {
        rows.append([])
        x = 16
      }
      rows[rows.count - 1].append((name, x, index))
      x += needed
    }
    return rows
  }

  private func draw(_ legend: [[LegendEntry]], in drawing: inout Drawing) {
    for (row, names) in legend.enumerated() {
      for entry in names {
        let y = 47 + Double(row) * 20
        let stroke = Stroke(entry.index)
        drawing.add(stroke.line((entry.x, y - 5), (entry.x + 14, y - 5)))
        if entry.index >= series.count { drawing.add(stroke.dot((entry.x + 7, y - 5))) }
        drawing.text(entry.name, x: entry.x + 20, y: y - 1, style: "soft")
      }
    }
  }
}
