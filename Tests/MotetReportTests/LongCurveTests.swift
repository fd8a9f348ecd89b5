import Foundation
import Testing

@testable import MotetReport

@Suite struct LongCurveTests {
  private func noise(_ count: Int) -> [(Double, Double)] {
    (0..<count).map { index -> (Double, Double) in
      let x = Double(index)
      let fall: Double = 2 * exp(-x / 1000)
      return (x, 1 + fall + 0.3 * sin(x * 12.9898))
    }
  }

  @Test func aCurveOfAnyLengthStaysSmall() {
    var sizes: [Int] = []
    for count in [10_000, 1_000_000] {
      let chart = LineChart(
        title: "", xLabel: "", yLabel: "", series: [("a", noise(count))], smoothing: 0.9)
      sizes.append(chart.svg().utf8.count)
    }
    #expect(sizes.allSatisfy { $0 < 50_000 }, "\(sizes)")
  }

  @Test func thinningKeepsPeaksEndsAndOrder() {
    var points = noise(10_000).map { ($0.0 / 15, $0.1) }
    points[7_777].1 = 90
    points[1_234].1 = -90
    let few = thinned(points)
    #expect(few.count < 1_500)
    #expect(few.contains { $0 == points[7_777] })
    #expect(few.contains { $0 == points[1_234] })
    #expect(few.first.map { $0 == points[0] } == true)
    #expect(few.last.map { $0 == points[9_999] } == true)
    #expect(zip(few, few.dropFirst()).allSatisfy { $0.0 < $1.0 })
  }

  @Test func pointsThatAreFarApartAllStay() {
    let points = [(0.0, 1.0), (10, 5), (20, 5), (30, 2), (5, 7)]
    #expect(thinned(points).elementsEqual(points) { $0 == $1 })
    #expect(thinned([]).isEmpty)
  }

  @Test func manyCurvesAreToldApartAndLeaveRoomForTheirNames() throws {
    let series = (0..<40).map { ("an adapter called \($0)", [(0.0, Double($0)), (1.0, 2.0)]) }
    let chart = LineChart(title: "", xLabel: "", yLabel: "", series: series)
    let svg = chart.svg()
    let looks = svg.matches(of: /<path [^>]*?stroke="([^"]*)"[^>]*?>/).map {
      $0.1 + ($0.0.firstMatch(of: /dasharray="[^"]*"/)?.0 ?? "")
    }
    #expect(looks.count == 40)
    #expect(Set(looks).count == 24)
    let height = try #require(svg.firstMatch(of: /viewBox="0 0 [0-9.]+ ([0-9.]+)"/).flatMap { Double($0.1) })
    let names = svg.matches(of: /<text [^>]*y="([0-9.]+)"[^>]*>an adapter/).compactMap { Double($0.1) }
    #expect(names.count == 40)
    #expect(try #require(names.max()) + 150 < height)
  }

  @Test func marksAreDottedAndNotSmoothed() {
    let chart = LineChart(
      title: "", xLabel: "", yLabel: "", series: [("training", noise(100))],
      marks: [("validation", [(0, 3), (50, 2), (99, 1)])], smoothing: 0.9)
    let svg = chart.svg()
    #expect(svg.matches(of: #/<path /#).count == 3)
    // One of them in the legend.
    #expect(svg.matches(of: #/<circle /#).count == 4)
  }
}
