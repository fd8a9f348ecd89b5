import Foundation

/// Sizes as people read them, in powers of ten as the hub shows them: `1.34 GB`.
public enum FileSize {
  public static func text(_ bytes: Int) -> String {
    var (value, unit) = (Double(bytes), "bytes")
    for larger in ["kB", "MB", "GB", "TB"] where value >= 1000 { (value, unit) = (value / 1000, larger) }
    if unit == "bytes" { return "\(bytes) bytes" }
    return String(format: value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f", value) + " \(unit)"
  }
}
