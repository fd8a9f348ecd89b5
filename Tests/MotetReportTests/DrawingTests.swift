import Foundation
import Testing

@testable import MotetReport

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// Reads markup and keeps its texts and the names of its elements; fails when it is not well-formed.
final class Reader: NSObject, XMLParserDelegate {
  var texts: [String] = []
  var elements: [String] = []
  private var current = ""

  static func read(_ markup: String) throws -> Reader {
    let reader = Reader()
    let parser = XMLParser(data: Data(markup.utf8))
    parser.delegate = reader
    try #require(
      parser.parse(), "not well-formed: \(String(describing: parser.parserError)) \(markup.prefix(300))")
    return reader
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    elements.append(name)
    for value in attributes.values {
      let words = value.lowercased().split { !$0.isLetter }
      if words.contains("nan") || words.contains("inf") { Issue.record("\(name) has '\(value)'") }
    }
    current = ""
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) { current += string }

  func parser(
    _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
  ) {
    if name == "text" { texts.append(current) }
    current = ""
  }

  func count(_ element: String) -> Int { elements.count { $0 == element } }
}

@Suite struct DrawingTests {
  static let nasty = "<script>alert('x & \"y\"')</script> \u{1}"
  static let odd: [Double] = [.nan, .infinity, -.infinity, 1e308, -1e308, 1e-300, 0, -0.0]

  @Test func aLineChartShowsItsLabelsTicksAndCurves() throws {
    let chart = LineChart(
      title: "Loss", xLabel: "step", yLabel: "nats",
      series: [("math", [(0, 2), (50, 1), (100, 0.5)]), ("code", [(0, 1.5), (100, 0.25)])])
    let svg = try Reader.read(chart.svg())
    for text in ["Loss", "step", "nats", "math", "code", "0", "0.5", "1", "1.5", "2", "20", "100"] {
      #expect(svg.texts.contains(text), "no '\(text)' in \(svg.texts)")
    }
    #expect(svg.count("path") == 2)
    #expect(svg.count("circle") == 5)
  }

  @Test func smoothingDrawsTheRunningMeanOverTheCurve() throws {
    var chart = LineChart(title: "", xLabel: "", yLabel: "", series: [("a", [(0, 0), (1, 4), (2, 0)])])
    #expect(try Reader.read(chart.svg()).count("path") == 1)
    chart.smoothing = 0.5
    #expect(try Reader.read(chart.svg()).count("path") == 2)
  }

  @Test func lineChartsBearAnyNumbers() throws {
    let points = Self.odd.flatMap { x in Self.odd.map { (x, $0) } }
    for series in [[], [("", [])], [("a", points)], [("a", [(3.0, 7.0)])], [("a", [(Double.nan, 1.0)])]] {
      let chart = LineChart(title: "t", xLabel: "", yLabel: "", series: series, smoothing: 0.9)
      let svg = try Reader.read(chart.svg())
      #expect(svg.count("svg") == 1)
    }
    let empty = LineChart(title: "t", xLabel: "", yLabel: "", series: [])
    #expect(try Reader.read(empty.svg()).texts.contains("no data"))
  }

  @Test func aHeatMapPrintsEachValueInItsCell() throws {
    let map = HeatMap(
      title: "Accuracy", rowLabels: ["math", "code"], columnLabels: ["base", "routed"],
      values: [[0.12, 0.914], [nil, .nan]])
    let svg = try Reader.read(map.svg())
    for text in ["12%", "91%", "math", "routed"] { #expect(svg.texts.contains(text)) }
    #expect(svg.texts.count { $0 == "–" } == 2)
    #expect(svg.count("rect") == 4)
  }

  @Test func heatMapsBearMissingAndOddValues() throws {
    for format in [HeatMap.Format.percent, .decimals(3), .decimals(-4)] {
      for values: [[Double?]] in [[], [[]], [Self.odd], [[1, 1], [1, 1]]] {
        let map = HeatMap(
          title: "", rowLabels: ["a", "b"], columnLabels: ["c", "d", "e"], values: values, format: format)
        _ = try Reader.read(map.svg())
      }
    }
    _ = try Reader.read(HeatMap(title: "", rowLabels: [], columnLabels: [], values: []).svg())
  }

  @Test func cellTextIsLightOnDarkAndDarkOnLight() {
    #expect(HeatMap.colour(at: 0).takesLightText == false)
    #expect(HeatMap.colour(at: 1).takesLightText == true)
    #expect(HeatMap.colour(at: -3).fill == HeatMap.colour(at: 0).fill)
    #expect(HeatMap.colour(at: 9).fill == HeatMap.colour(at: 1).fill)
  }

  @Test func aBarIsAsLongAsItsShare() throws {
    let chart = BarChart(
      title: "Routes", groups: [.init(name: "a prompt", bars: [("math", 0.25), ("code", 0.75)])])
    let svg = chart.svg()
    let read = try Reader.read(svg)
    for text in ["Routes", "a prompt", "math", "25%", "75%"] { #expect(read.texts.contains(text)) }
    let widths = svg.matches(of: /width="([0-9.]+)" height="18"/).compactMap { Double($0.1) }
    try #require(widths.count == 4)
    #expect(abs(widths[1] / widths[0] - 0.25) < 0.01)
    #expect(abs(widths[3] / widths[2] - 0.75) < 0.01)
  }

  @Test func barsBearAnyNumbers() throws {
    for unit in [BarChart.Unit.share, .amount("MB"), .amount("")] {
      let bars = Self.odd.map { (label: "x", value: $0) }
      _ = try Reader.read(BarChart(title: "", groups: [.init(name: "", bars: bars)], unit: unit).svg())
      _ = try Reader.read(BarChart(title: "", groups: [], unit: unit).svg())
    }
  }

  @Test func markupInLabelsStaysText() throws {
    let nasty = Self.nasty
    let pictures = [
      LineChart(title: nasty, xLabel: nasty, yLabel: nasty, series: [(nasty, [(0, 1)])]).svg(),
      HeatMap(title: nasty, rowLabels: [nasty], columnLabels: [nasty], values: [[1]]).svg(),
      BarChart(title: nasty, groups: [.init(name: nasty, bars: [(nasty, 0.5)])]).svg(),
    ]
    for picture in pictures {
      #expect(!picture.contains("<script"))
      #expect(try Reader.read(picture).texts.contains { $0.hasPrefix("<script>") })
    }
  }

  @Test func drawingTwiceGivesTheSameBytes() {
    let chart = BarChart(title: "t", groups: [.init(name: "g", bars: [("a", 0.1), ("b", 0.2), ("c", 0.7)])])
    #expect(chart.svg() == chart.svg())
  }

  @Test(arguments: [
    ([0.0, 2.0], [0, 0.5, 1, 1.5, 2]), ([0.0, 1.0], [0, 0.2, 0.4, 0.6, 0.8, 1]),
    ([3.1, 3.9], [3, 3.2, 3.4, 3.6, 3.8, 4]),
  ]) func ticksAreRoundAndCoverTheValues(_ values: [Double], _ expected: [Double]) {
    let ticks = Axis(covering: values, about: 5).ticks
    #expect(ticks.count == expected.count)
    for (tick, wanted) in zip(ticks, expected) { #expect(abs(tick - wanted) < 1e-9) }
  }

  @Test func axesKeepValuesInside() {
    for values in [[5.0], [], [-3, 1e6], [1e-9, 2e-9], Self.odd, [0, 0], [1e15, 1e15 + 1]] {
      let axis = Axis(covering: values)
      #expect(axis.high > axis.low)
      #expect((1...60).contains(axis.ticks.count))
      for value in values where value.isFinite && abs(value) < 1e300 {
        #expect((-1e-6...1.000001).contains(axis.position(value)), "\(value) of \(values)")
      }
    }
  }

  @Test(arguments: [
    ([0, 0.0002], ["0", "5e-5", "1e-4", "1.5e-4", "2e-4"]),
    ([2400, 2410], ["2400", "2402.5", "2405", "2407.5"]),
    ([0, 10_000], ["0", "2\u{2009}500", "5\u{2009}000"]), ([0.1, 0.2], ["0.1", "0.125", "0.15"]),
  ]) func ticksCanBeToldApart(_ values: [Double], _ expected: [String]) {
    let axis = Axis(covering: values, about: 4)
    #expect(axis.ticks.map(axis.label).prefix(expected.count) == expected[...])
  }

  @Test(arguments: [
    (0.0, "0"), (1_234_567, "1\u{2009}234\u{2009}567"), (0.125, "0.125"), (2.5, "2.5"),
    (-0.00001, "-1.0e-05"),
    (98.76, "98.76"), (.nan, "–"), (-4096, "−4\u{2009}096"),
  ]) func numbersAreReadable(_ value: Double, _ expected: String) {
    #expect(readable(value) == expected)
  }
}
