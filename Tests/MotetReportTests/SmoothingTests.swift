import Testing

@testable import MotetReport

@Suite struct SmoothingTests {
  @Test func theFirstValuesAreNotPulledToZero() throws {
    // By hand: 0; (0.5·0 + 0.5·4)/0.75; (0.5·2 + 0)/0.875.
    var mean = Smoothing(weight: 0.5)
    #expect(mean.value == nil)
    let values: [(Double, Double)] = [(0, 0), (4, 8.0 / 3), (0, 8.0 / 7)]
    for (value, expected) in values {
      let smoothed = mean.add(value)
      #expect(abs(smoothed - expected) < 1e-12)
    }
    #expect(abs(try #require(mean.value) - 8.0 / 7) < 1e-12)
  }

  @Test func aConstantStaysItself() {
    for weight in [0.0, 0.6, 0.99, 5] {
      var mean = Smoothing(weight: weight)
      let smoothed = (0..<200).map { _ in mean.add(1.25) }
      #expect(smoothed.allSatisfy { abs($0 - 1.25) < 1e-9 })
    }
  }

  @Test func aValueThatIsNoNumberIsPassedOnAndForgotten() {
    var mean = Smoothing(weight: 0.5)
    mean.add(2)
    let odd = [mean.add(.nan), mean.add(.infinity), mean.add(2)]
    #expect(odd[0].isNaN && odd[1] == .infinity && odd[2] == 2)
  }
}
