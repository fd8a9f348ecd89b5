import Foundation
import Testing

@testable import MotetReport

@Suite struct ScatterChartTests {
  /// As a comparison has them: most within a factor of ten, and of nearly one loss.
  static let crowd: [(name: String, x: Double, y: Double)] = {
    var points: [(name: String, x: Double, y: Double)] = [("ia3", 57_600, 1.4), ("full", 134_515_008, 0.7)]
    for index in 0..<16 {
      let (column, row) = (Double(index % 4), Double(index / 4))
      points.append(("method \(index) of many", 4_000_000 * (1 + 0.05 * column), 0.9 + 0.004 * row))
    }
    return points
  }()

  @Test func eachPointIsDrawnAndNamed() throws {
    let chart = ScatterChart(title: "Quality", xLabel: "parameters", yLabel: "nats", points: Self.crowd)
    let svg = try Reader.read(chart.svg())
    for text in ["Quality", "parameters", "nats", "100k", "1M", "10M", "100M"] + Self.crowd.map(\.name) {
      #expect(svg.texts.contains(text), "no '\(text)' in \(svg.texts)")
    }
    #expect(svg.count("circle") == Self.crowd.count)
  }

  @Test func labelsOfCrowdedPointsCoverNothing() {
    var points: [(Double, Double)] = []
    for index in 0..<20 {
      let (column, row) = (Double(index % 5), Double(index / 5))
      points.append((300 + column * 6, 200 + row * 5))
    }
    var labels = LabelPlacement(within: Box(left: 40, top: 30, right: 716, bottom: 374), avoiding: points)
    var boxes: [Box] = []
    for point in points { boxes.append(labels.place(width: 80, beside: point).box) }
    for (index, box) in boxes.enumerated() {
      for other in boxes[..<index] { #expect(box.overlap(with: other) == 0) }
      for (x, y) in points {
        let dot = Box(left: x - 4, top: y - 4, right: x + 4, bottom: y + 4)
        #expect(box.overlap(with: dot) == 0)
      }
    }
  }

  @Test func aLonePointHasItsNameBesideIt() {
    var labels = LabelPlacement(
      within: Box(left: 0, top: 0, right: 400, bottom: 300), avoiding: [(100, 100), (390, 100)])
    let first = labels.place(width: 40, beside: (100, 100))
    #expect(!first.isAway && first.box.left > 100 && first.box.left < 110)
    // At the right edge it goes to the left.
    let second = labels.place(width: 40, beside: (390, 100))
    #expect(!second.isAway && second.box.right < 390)
  }

  @Test func theFrontierIsWhatNothingBeatsAtBoth() {
    let points: [(name: String, x: Double, y: Double)] = [
      ("small", 1, 3), ("worse", 2, 4), ("middle", 2, 2), ("large", 9, 1), ("no better", 10, 1),
    ]
    #expect(ScatterChart.frontier(points) == [0, 2, 3])
  }

  @Test func scattersBearAnyNumbers() throws {
    let odd = DrawingTests.odd
    var grid: [(name: String, x: Double, y: Double)] = []
    for x in odd { for y in odd { grid.append(("x", x, y)) } }
    let one: [(name: String, x: Double, y: Double)] = [("one", 7, 7)]
    for isLogarithmic in [true, false] {
      for points in [[], [grid[3]], grid, one] {
        let chart = ScatterChart(
          title: "t", xLabel: "", yLabel: "", points: points, isLogarithmic: isLogarithmic)
        let svg = try Reader.read(chart.svg())
        #expect(svg.count("svg") == 1)
      }
    }
    let empty = ScatterChart(title: "t", xLabel: "", yLabel: "", points: [])
    #expect(try Reader.read(empty.svg()).texts.contains("no data"))
  }

  @Test func equalFactorsAreEqualStretches() {
    let axis = Axis(logarithmicCovering: [1000, 10_000_000])
    let steps = [1e3, 1e4, 1e5, 1e6, 1e7].map(axis.position)
    for index in 2..<steps.count {
      #expect(abs((steps[index] - steps[index - 1]) - (steps[1] - steps[0])) < 1e-9)
    }
    #expect(axis.ticks == [1e3, 1e4, 1e5, 1e6, 1e7])
    #expect(axis.ticks.map(axis.label) == ["1k", "10k", "100k", "1M", "10M"])
    #expect(steps[0] > 0 && steps[4] < 1)
  }

  @Test func markupInNamesStaysText() throws {
    let nasty = DrawingTests.nasty
    let chart = ScatterChart(title: nasty, xLabel: nasty, yLabel: nasty, points: [(nasty, 10, 1)])
    #expect(!chart.svg().contains("<script"))
    #expect(try Reader.read(chart.svg()).texts.contains { $0.hasPrefix("<script>") })
  }
}
