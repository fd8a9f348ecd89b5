import Foundation

/// Aligned columns for terminals: text flush left, numbers flush right.
public struct TextTable: Sendable {
  public var header: [String]
  public var rows: [[String]]

  public init(header: [String], rows: [[String]] = []) {
    self.header = header
    self.rows = rows
  }

  /// Lines without trailing spaces; a rule of `─` under the header.
  public func text() -> String {
    let columns = max(header.count, rows.map(\.count).max() ?? 0)
    func cell(_ row: [String], _ column: Int) -> String {
      column < row.count ? singleLine(row[column]) : ""
    }
    let all = (header.isEmpty ? [] : [header]) + rows
    let widths = (0..<columns).map { column in all.map { cells(cell($0, column)) }.max() ?? 0 }
    let isNumeric = (0..<columns).map { column in
      let own = rows.map { cell($0, column) }.filter { !$0.isEmpty }
      return !own.isEmpty && own.allSatisfy(Self.isNumber)
    }
    func line(_ row: [String]) -> String {
      (0..<columns).map { column in
        let text = cell(row, column)
        let gap = String(repeating: " ", count: widths[column] - cells(text))
        return isNumeric[column] ? gap + text : text + gap
      }.joined(separator: "  ").trimmingTrailingSpaces()
    }
    var lines = rows.map(line)
    if !header.isEmpty {
      let rule = widths.map { String(repeating: "─", count: $0) }.joined(separator: "  ")
      lines = [line(header), rule] + lines
    }
    return lines.joined(separator: "\n")
  }

  /// A number with what may stand around it: `-1.5`, `98.2%`, `+3`, `1,200`, `12 MB`, `–`, `n/a`.
  static func isNumber(_ text: String) -> Bool {
    let trimmed = text.trimmingCharacters(in: .whitespaces)
    if ["–", "-", "n/a", "—"].contains(trimmed) { return true }
    let bare = trimmed.drop { "+-−±~<>×".contains($0) }
    guard let first = bare.first, first.isASCII, first.isNumber else { return false }
    let rest = bare.drop { $0.isNumber || ".,'eE+-\u{2009}".contains($0) }
    return rest.count <= 8 && !rest.contains(where: \.isNumber)
  }
}

/// A bar for each label, for terminals.
///
///     math  ██████████████░░░░░░  70%
///     code  ██████░░░░░░░░░░░░░░  30%
public struct TextBars: Sendable {
  /// Labels and shares from 0 to 1.
  public var bars: [(label: String, share: Double)]
  /// Cells a full bar takes.
  public var width: Int

  public init(_ bars: [(label: String, share: Double)], width: Int = 20) {
    self.bars = bars
    self.width = width
  }

  public func text() -> String {
    let widest = bars.map { cells(singleLine($0.label)) }.max() ?? 0
    let cellCount = max(1, min(width, 1000))
    return bars.map { entry in
      let label = singleLine(entry.label)
      let share = entry.share.isFinite ? min(max(entry.share, 0), 1) : 0
      let filled = Int((share * Double(cellCount)).rounded())
      let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: cellCount - filled)
      let number = entry.share.isFinite ? String(format: "%3.0f%%", share * 100) : "  –"
      return label + String(repeating: " ", count: widest - cells(label)) + "  " + bar + " " + number
    }.joined(separator: "\n")
  }
}

/// The columns a terminal gives a text: two for wide characters, none for marks that join the one before.
package func cells(_ text: String) -> Int {
  text.reduce(0) { sum, character in
    guard let scalar = character.unicodeScalars.first else { return sum }
    switch scalar.value {
    case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE4F,
      0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1FAFF, 0x20000...0x3FFFD:
      return sum + 2
    default: return sum + 1
    }
  }
}

/// `text` with line breaks, tabs and other control characters as spaces.
private func singleLine(_ text: String) -> String {
  String(text.map { $0.isNewline || $0.unicodeScalars.allSatisfy { $0.value < 32 } ? " " : $0 })
}

extension String {
  fileprivate func trimmingTrailingSpaces() -> String {
    var result = self
    while result.hasSuffix(" ") { result.removeLast() }
    return result
  }
}
