import Foundation

/// `text` with the five characters of markup replaced, and without the control characters XML forbids.
public func escaped(_ text: String) -> String {
  var result = ""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "&": result += "&amp;"
    case "<": result += "&lt;"
    case ">": result += "&gt;"
    case "\"": result += "&quot;"
    case "'": result += "&#39;"
    case "\u{0}"..."\u{8}", "\u{B}", "\u{C}", "\u{E}"..."\u{1F}", "\u{FFFE}", "\u{FFFF}": result += "\u{FFFD}"
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result
}

/// A coordinate with at most two decimals, the same on every machine.
func coordinate(_ value: Double) -> String {
  guard value.isFinite else { return "0" }
  return trimmed(String(format: "%.2f", value))
}

/// A number as a reader wants it: about three digits that matter, no trailing zeros, thousands set apart.
func readable(_ value: Double) -> String {
  guard value.isFinite else { return "–" }
  let size = abs(value)
  if size == 0 { return "0" }
  if size >= 1e7 || size < 1e-4 { return String(format: "%.1e", value) }
  if size >= 1000 {
    let digits = String(format: "%.0f", size)
    var grouped = ""
    for (i, digit) in digits.enumerated() {
      if i > 0, (digits.count - i) % 3 == 0 { grouped += "\u{2009}" }
      grouped.append(digit)
    }
    return (value < 0 ? "−" : "") + grouped
  }
  let decimals = size >= 100 ? 1 : size >= 1 ? 2 : 4
  return trimmed(String(format: "%.\(decimals)f", value))
}

/// A count in a few characters: `950`, `12k`, `1.2M`, `30M`.
func counted(_ value: Double) -> String {
  for (size, unit) in [(1e9, "B"), (1e6, "M"), (1e3, "k")] where abs(value) >= size && abs(value) < 1e13 {
    return trimmed(String(format: abs(value) < 100 * size ? "%.1f" : "%.0f", value / size)) + unit
  }
  return readable(value)
}

/// Decimals without the zeros at their end.
func trimmed(_ text: String) -> String {
  guard text.contains(".") else { return text }
  var result = text
  while result.hasSuffix("0") { result.removeLast() }
  if result.hasSuffix(".") { result.removeLast() }
  return result == "-0" ? "0" : result
}

/// A guess at how wide a text is drawn, in pixels: enough to keep labels apart.
func textWidth(_ text: String, size: Double) -> Double {
  text.unicodeScalars.reduce(0) { sum, scalar in
    switch scalar.value {
    case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFF00...0xFF60,
      0x1F300...0x1FAFF:
      sum + size
    case 0x4D, 0x57, 0x6D, 0x77, 0x25: sum + size * 0.9
    default: "iljt.,:;'|! fI()".unicodeScalars.contains(scalar) ? sum + size * 0.34 : sum + size * 0.6
    }
  }
}

/// `text` cut with an ellipsis so that it is drawn no wider than `width` pixels.
func fitted(_ text: String, size: Double, width: Double) -> String {
  guard textWidth(text, size: size) > width else { return text }
  var kept = text
  while !kept.isEmpty, textWidth(kept + "…", size: size) > width { kept.removeLast() }
  return kept + "…"
}
