import Foundation

/// How the curve at a place in a list is drawn: a colour, and dashes once the colours are used up.
struct Stroke {
  private let colour: String
  private let dashes: String

  init(_ index: Int) {
    colour = Palette.series(index)
    let pattern = ["", "7 4", "2 3"][index / Palette.series.count % 3]
    dashes = pattern.isEmpty ? "" : " stroke-dasharray=\"\(pattern)\""
  }

  /// A line through points in pixels.
  func path(_ points: [(Double, Double)], width: Double, opacity: Double = 1) -> String {
    guard !points.isEmpty else { return "" }
    // A tenth of a unit is finer than any screen; coordinates after those of M are joined by lines.
    let places = thinned(points).map { tenth($0.0) + " " + tenth($0.1) }
    return "<path d=\"M\(places.joined(separator: " "))\" fill=\"none\" stroke=\"\(colour)\" "
      + "stroke-width=\"\(coordinate(width))\" stroke-opacity=\"\(coordinate(opacity))\"\(dashes) "
      + "stroke-linejoin=\"round\" stroke-linecap=\"round\"/>"
  }

  /// The sample in a legend.
  func line(_ from: (Double, Double), _ to: (Double, Double)) -> String {
    "<line x1=\"\(coordinate(from.0))\" y1=\"\(coordinate(from.1))\" x2=\"\(coordinate(to.0))\" "
      + "y2=\"\(coordinate(to.1))\" stroke=\"\(colour)\" stroke-width=\"3\"\(dashes)/>"
  }

  /// - Parameter tip: shown where a pointer rests on it
  func dot(_ point: (Double, Double), tip: String = "") -> String {
    let inside = tip.isEmpty ? "/>" : "><title>\(escaped(tip))</title></circle>"
    return
      "<circle cx=\"\(coordinate(point.0))\" cy=\"\(coordinate(point.1))\" r=\"\(tip.isEmpty ? 3.2 : 4.5)\" "
      + "fill=\"\(colour)\"\(inside)"
  }

  private func tenth(_ value: Double) -> String { coordinate((value * 10).rounded() / 10) }
}
