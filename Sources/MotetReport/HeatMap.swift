import Foundation

/// A matrix of numbers as coloured cells with the number in each: accuracy by domain and system.
public struct HeatMap: Sendable {
  /// How a cell's number is printed.
  public enum Format: Sendable {
    /// 0.876 as `88%`.
    case percent
    /// So many decimals.
    case decimals(Int)
    /// 0.876 as `88%`, 0.8764 with one decimal as `87.6%`.
    case percentDecimals(Int)

    func string(_ value: Double) -> String {
      func fixed(_ value: Double, _ digits: Int) -> String {
        String(format: "%.\(min(max(digits, 0), 9))f", value)
      }
      switch self {
      case .percent: return fixed(value * 100, 0) + "%"
      case .percentDecimals(let digits): return fixed(value * 100, digits) + "%"
      case .decimals(let digits): return fixed(value, digits)
      }
    }
  }

  public var title: String
  public var rowLabels: [String]
  public var columnLabels: [String]
  /// `[rows][columns]`; nil or a number that is not finite leaves the cell empty, missing ones too.
  public var values: [[Double?]]
  public var format: Format
  /// The values of the palest and the fullest colour; nil takes them from the data (percentages: 0 to 1).
  public var range: ClosedRange<Double>?
  /// For numbers of which less is better: the fullest colour goes to the lowest.
  public var lowerIsBetter: Bool

  public init(
    title: String, rowLabels: [String], columnLabels: [String], values: [[Double?]],
    format: Format = .percent,
    range: ClosedRange<Double>? = nil, lowerIsBetter: Bool = false
  ) {
    self.title = title
    self.rowLabels = rowLabels
    self.columnLabels = columnLabels
    self.values = values
    self.format = format
    self.range = range
    self.lowerIsBetter = lowerIsBetter
  }

  /// From pale to full: colours whose lightness falls evenly.
  private static let ramp: [(Double, Double, Double)] = [
    (239, 244, 250), (198, 219, 239), (142, 190, 222), (78, 146, 199), (33, 98, 160), (12, 52, 104),
  ]

  /// The colour at `position` (0 to 1) and whether white text reads better on it than black: the one whose
  /// contrast by WCAG 2.1 is higher.
  static func colour(at position: Double) -> (fill: String, takesLightText: Bool) {
    let scaled = min(max(position, 0), 1) * Double(ramp.count - 1)
    let index = min(Int(scaled), ramp.count - 2)
    let t = scaled - Double(index)
    let (a, b) = (ramp[index], ramp[index + 1])
    let mixed = [a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1), a.2 + t * (b.2 - a.2)].map { $0.rounded() }
    func linear(_ channel: Double) -> Double {
      let c = channel / 255
      return c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4)
    }
    let luminance = 0.2126 * linear(mixed[0]) + 0.7152 * linear(mixed[1]) + 0.0722 * linear(mixed[2])
    let fill = "rgb(\(Int(mixed[0])),\(Int(mixed[1])),\(Int(mixed[2])))"
    return (fill, 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05)
  }

  public func svg() -> String {
    let columns = columnLabels.count
    let labelSize = 12.0
    let left = 32 + min(220, rowLabels.map { textWidth($0, size: labelSize) }.max() ?? 0)
    let widest = columnLabels.map { textWidth($0, size: labelSize) }.max() ?? 0
    let cell = (width: min(130, max(68, widest + 16)), height: 40.0)
    let top = 66.0
    let width = max(left + Double(columns) * cell.width + 16, 40 + textWidth(title, size: 15))
    let height = top + Double(max(rowLabels.count, 1)) * cell.height + 18
    let finite = values.flatMap { $0 }.compactMap { $0 }.filter(\.isFinite)
    let bounds = range ?? defaultRange(finite)

    var drawing = Drawing(width: width, height: height, title: title)
    drawing.text(title, x: 16, y: 25, style: "title")
    if rowLabels.isEmpty || columnLabels.isEmpty { drawing.text("no data", x: 16, y: top, style: "soft") }
    for (column, label) in columnLabels.enumerated() {
      drawing.text(
        fitted(label, size: labelSize, width: cell.width - 8), x: left + (Double(column) + 0.5) * cell.width,
        y: top - 10, anchor: .middle, style: "soft")
    }
    for (row, label) in rowLabels.enumerated() {
      let y = top + Double(row) * cell.height
      drawing.text(
        fitted(label, size: labelSize, width: 220), x: left - 12, y: y + cell.height / 2 + 4, anchor: .end)
      for column in 0..<columns {
        let x = left + Double(column) * cell.width
        let value = row < values.count && column < values[row].count ? values[row][column] : nil
        guard let value, value.isFinite else {
          drawing.rectangle(
            x: x + 1, y: y + 1, width: cell.width - 2, height: cell.height - 2, fill: "var(--empty)",
            radius: 4)
          drawing.text(
            "–", x: x + cell.width / 2, y: y + cell.height / 2 + 4, anchor: .middle, style: "soft")
          continue
        }
        let span = bounds.upperBound - bounds.lowerBound
        let position = span > 0 ? (value - bounds.lowerBound) / span : 0.5
        let (fill, takesLightText) = Self.colour(at: lowerIsBetter ? 1 - position : position)
        drawing.rectangle(
          x: x + 1, y: y + 1, width: cell.width - 2, height: cell.height - 2, fill: fill, radius: 4,
          tip: "\(label), \(columnLabels[column]): \(format.string(value))")
        drawing.text(
          format.string(value), x: x + cell.width / 2, y: y + cell.height / 2 + 5, anchor: .middle,
          style: "number",
          extra: " style=\"fill:\(takesLightText ? "#ffffff" : "#0b1420");font-size:14px;font-weight:500\"")
      }
    }
    return drawing.svg()
  }

  private func defaultRange(_ finite: [Double]) -> ClosedRange<Double> {
    switch format {
    case .percent, .percentDecimals: return 0...1
    case .decimals:
      guard let low = finite.min(), let high = finite.max() else { return 0...1 }
      return low...high
    }
  }
}
