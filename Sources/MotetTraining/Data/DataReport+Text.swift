import Foundation
import MotetReport

extension DataReport {
  /// A few lines for people.
  public func text() -> String {
    var lines = [
      "\(grouped(total.rows)) rows, \(grouped(total.tokens)) tokens, "
        + "\(grouped(total.labelledTokens)) of them labelled (\(percent(total.labelledTokens, of: total.tokens)))",
      "tokens a row: \(total.lengths.minimum) to \(total.lengths.maximum), median \(total.lengths.median), "
        + "90% have at most \(total.lengths.p90), 99% \(total.lengths.p99)",
    ]
    if total.truncatedRows > 0 {
      lines.append(
        "cut: \(grouped(total.truncatedRows)) rows (\(percent(total.truncatedRows, of: total.rows))), "
          + "\(grouped(total.truncatedTokens)) tokens lost")
    }
    if total.duplicates > 0 { lines.append(duplicatesText) }
    for file in files {
      for dropped in file.dropped {
        lines.append(
          "left out: \(grouped(dropped.rows)) of \(file.path): \(dropped.reason) "
            + "(\(places(dropped.lines, of: dropped.rows)))")
      }
    }
    lines += noteLines
    return (lines + (files.count > 1 ? ["", table] : [])).joined(separator: "\n")
  }

  /// What is to be said of each file: `math.jsonl: read as prompt/completion; columns id, source not used`.
  public var noteLines: [String] { files.flatMap { file in file.notes.map { "\(file.path): \($0)" } } }

  /// Notes about columns or text that were not used, or not taken as they stand.
  public var remarkLines: [String] {
    files.flatMap { file in
      file.notes.filter { $0 != RowNotes.shapeLine(file.shape) }.map { "\(file.path): \($0)" }
    }
  }

  private var duplicatesText: String {
    let several = files.count > 1
    let shown = duplicates.prefix(5).map {
      several
        ? "\($0.file):\($0.line) repeats \($0.firstFile):\($0.firstLine)"
        : "row \($0.line) repeats row \($0.firstLine)"
    }
    let more = total.duplicates > shown.count ? ", …" : ""
    return "duplicates: \(grouped(total.duplicates)) rows (\(shown.joined(separator: ", "))\(more))"
  }

  private var table: String {
    TextTable(
      header: ["file", "weight", "rows", "tokens", "labelled", "median", "longest", "cut", "duplicates"],
      rows: files.map { file in
        let counts = file.counts
        return [
          file.path, "\(file.weight)", grouped(counts.rows), grouped(counts.tokens),
          grouped(counts.labelledTokens), "\(counts.lengths.median)", "\(counts.lengths.maximum)",
          grouped(counts.truncatedRows), grouped(counts.duplicates),
        ]
      }
    ).text()
  }
}

/// `1,234,567`.
func grouped(_ number: Int) -> String {
  var digits = String(number.magnitude)
  var end = digits.count - 3
  while end > 0 {
    digits.insert(",", at: digits.index(digits.startIndex, offsetBy: end))
    end -= 3
  }
  return (number < 0 ? "-" : "") + digits
}

/// `12.3%`; small shares keep their first digit.
func percent(_ part: Int, of whole: Int) -> String {
  guard whole > 0 else { return "–" }
  let share = 100 * Double(part) / Double(whole)
  return String(format: share == 0 || share >= 10 ? "%.0f%%" : share >= 0.1 ? "%.1f%%" : "%.2f%%", share)
}

/// `row 3` or `rows 3, 9, 14, …`: the first few of `count` rows.
func places(_ lines: [Int], of count: Int) -> String {
  let shown = lines.prefix(8).map(String.init).joined(separator: ", ")
  return (count == 1 ? "row " : "rows ") + shown + (count > min(8, lines.count) ? ", …" : "")
}
