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
  /// Weight of the past in the running mean drawn over each curve, 0 to just under 1; nil draws none.
  public var smoothing: Double?
  /// Begins the vertical axis at 0.
  public var startsAtZero: Bool
  public var width: Double
  public var height: Double

  public init(
    title: String, xLabel: String, yLabel: String, series: [(name: String, points: [(Double, Double)])],
    smoothing: Double? = nil, startsAtZero: Bool = false, width: Double = 720, height: Double = 360
  ) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.series = series
    self.smoothing = smoothing
    self.startsAtZero = startsAtZero
    self.width = width
    self.height = height
  }

  /// The running mean m ← s·m + (1−s)·y, corrected for its start as Adam's moments are.
  static func smooth(_ points: [(Double, Double)], weight: Double) -> [(Double, Double)] {
    let weight = min(max(weight, 0), 0.999)
    var mean = 0.0
    var total = 0.0
    return points.map { x, y in
      mean = weight * mean + (1 - weight) * y
      total = weight * total + (1 - weight)
      return (x, mean / total)
    }
  }

  /// The picture; points that are not finite are left out.
  public func svg() -> String {
    let curves = series.map { $0.points.filter { $0.0.isFinite && $0.1.isFinite } }
    let horizontal = Axis(covering: curves.flatMap { $0.map(\.0) }, about: 7, isLoose: false)
    let vertical = Axis(covering: curves.flatMap { $0.map(\.1) } + (startsAtZero ? [0] : []), about: 5)
    let left = 34 + (vertical.ticks.map { textWidth(readable($0), size: 12) }.max() ?? 20)
    let legend = legendRows()
    let top = 46 + Double(legend.count) * 20
    let bottom = height - 46
    let right = width - 22
    func place(_ point: (Double, Double)) -> (Double, Double) {
      (
        left + horizontal.position(point.0) * (right - left),
        bottom - vertical.position(point.1) * (bottom - top)
      )
    }

    var drawing = Drawing(width: width, height: height, title: title)
    drawing.text(fitted(title, size: 15, width: width - 32), x: 16, y: 25, style: "title")
    for (row, names) in legend.enumerated() {
      for entry in names {
        let y = 47 + Double(row) * 20
        drawing.rectangle(
          x: entry.x, y: y - 8, width: 14, height: 4, fill: Palette.series(entry.index), radius: 2)
        drawing.text(entry.name, x: entry.x + 20, y: y - 1, style: "soft")
      }
    }
    for tick in vertical.ticks {
      let y = place((horizontal.low, tick)).1
      drawing.line(left, y, right, y)
      drawing.text(readable(tick), x: left - 8, y: y + 4, anchor: .end, style: "soft number")
    }
    for tick in horizontal.ticks {
      let x = place((tick, vertical.low)).0
      drawing.text(readable(tick), x: x, y: bottom + 18, anchor: .middle, style: "soft number")
    }
    drawing.text(xLabel, x: (left + right) / 2, y: height - 10, anchor: .middle, style: "soft")
    let middle = (top + bottom) / 2
    drawing.text(
      yLabel, x: 16, y: middle, anchor: .middle, style: "soft",
      extra: " transform=\"rotate(-90 16 \(coordinate(middle)))\"")
    if curves.allSatisfy(\.isEmpty) {
      drawing.text("no data", x: (left + right) / 2, y: middle, anchor: .middle, style: "soft")
    }
    for (index, points) in curves.enumerated() {
      let colour = Palette.series(index)
      if let smoothing, points.count > 2 {
        drawing.add(path(points.map(place), colour: colour, width: 1, opacity: 0.3))
        drawing.add(
          path(Self.smooth(points, weight: smoothing).map(place), colour: colour, width: 2.2, opacity: 1))
      } else {
        drawing.add(path(points.map(place), colour: colour, width: 2.2, opacity: 1))
      }
      if points.count <= 12 {
        for point in points.map(place) {
          drawing.add(
            "<circle cx=\"\(coordinate(point.0))\" cy=\"\(coordinate(point.1))\" r=\"3.2\" fill=\"\(colour)\"/>"
          )
        }
      }
    }
    return drawing.svg()
  }

  private func legendRows() -> [[(name: String, x: Double, index: Int)]] {
    guard series.count > 1 || series.contains(where: { !$0.name.isEmpty }) else { return [] }
    var rows: [[(name: String, x: Double, index: Int)]] = [[]]
    var x = 16.0
    for (index, entry) in series.enumerated() {
      let name = fitted(entry.name, size: 12, width: width / 2)
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

  private func path(_ points: [(Double, Double)], colour: String, width: Double, opacity: Double) -> String {
    guard !points.isEmpty else { return "" }
    let steps = points.enumerated().map { i, point in
      (i == 0 ? "M" : "L") + coordinate(point.0) + " " + coordinate(point.1)
    }
    return "<path d=\"\(steps.joined(separator: " "))\" fill=\"none\" stroke=\"\(colour)\" "
      + "stroke-width=\"\(coordinate(width))\" stroke-opacity=\"\(coordinate(opacity))\" "
      + "stroke-linejoin=\"round\" stroke-linecap=\"round\"/>"
  }
}
