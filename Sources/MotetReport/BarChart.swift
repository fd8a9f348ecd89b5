/// Horizontal bars in groups: the shares a router gave each prompt, the bytes each choice needs.
public struct BarChart: Sendable {
  /// Bars that belong together under one heading.
  public struct Group: Sendable {
    public var name: String
    public var bars: [(label: String, value: Double)]

    public init(name: String, bars: [(label: String, value: Double)]) {
      self.name = name
      self.bars = bars
    }
  }

  public enum Unit: Sendable {
    /// Values from 0 to 1, the bar's full length being 100%.
    case share
    /// Any values from 0 on, the longest bar being the largest; the text stands behind the number.
    case amount(String)
  }

  public var title: String
  public var groups: [Group]
  public var unit: Unit
  public var width: Double

  public init(title: String, groups: [Group], unit: Unit = .share, width: Double = 720) {
    self.title = title
    self.groups = groups
    self.unit = unit
    self.width = width
  }

  /// The picture; a label keeps its colour in all groups; a value that is not finite has no bar.
  public func svg() -> String {
    let labels = groups.flatMap { $0.bars.map(\.label) }
    var colours: [String: Int] = [:]
    for label in labels where colours[label] == nil { colours[label] = colours.count }
    let left = 28 + min(180, labels.map { textWidth($0, size: 12) }.max() ?? 0)
    let right = width - 84
    let largest = groups.flatMap { $0.bars.map(\.value) }.filter(\.isFinite).max() ?? 0
    let full: Double
    switch unit {
    case .share: full = 1
    case .amount: full = largest > 0 ? largest : 1
    }
    let bar = 18.0
    let pitch = 25.0
    let height = groups.reduce(48.0) { $0 + ($1.name.isEmpty ? 4 : 26) + Double($1.bars.count) * pitch + 12 }

    var drawing = Drawing(width: width, height: max(height, 80), title: title)
    drawing.text(fitted(title, size: 15, width: width - 32), x: 16, y: 25, style: "title")
    if labels.isEmpty { drawing.text("no data", x: 16, y: 56, style: "soft") }
    var y = 46.0
    for group in groups {
      if !group.name.isEmpty {
        drawing.text(fitted(group.name, size: 12.5, width: width - 32), x: 16, y: y + 13, style: "group")
        y += 26
      } else {
        y += 4
      }
      for entry in group.bars {
        let share = entry.value.isFinite ? min(max(entry.value / full, 0), 1) : 0
        drawing.text(
          fitted(entry.label, size: 12, width: 180), x: left - 12, y: y + bar / 2 + 4, anchor: .end,
          style: "soft")
        drawing.rectangle(
          x: left, y: y, width: right - left, height: bar, fill: "var(--empty)", radius: 4)
        if share > 0 {
          drawing.rectangle(
            x: left, y: y, width: max(2, share * (right - left)), height: bar,
            fill: Palette.series(colours[entry.label] ?? 0), radius: min(4, share * (right - left) / 2),
            tip: "\(entry.label): \(text(entry.value))")
        }
        drawing.text(text(entry.value), x: right + 8, y: y + bar / 2 + 4, style: "number")
        y += pitch
      }
      y += 12
    }
    return drawing.svg()
  }

  private func text(_ value: Double) -> String {
    guard value.isFinite else { return "–" }
    switch unit {
    case .share: return HeatMap.Format.percentDecimals(value > 0 && value < 0.0995 ? 1 : 0).string(value)
    case .amount(let name): return readable(value) + (name.isEmpty ? "" : " " + name)
    }
  }
}
