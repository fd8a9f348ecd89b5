/// The words of Prometheus' text format 0.0.4.
///
/// Source: https://prometheus.io/docs/instrumenting/exposition_formats/
enum PrometheusText {
  static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  /// `[a-zA-Z_][a-zA-Z0-9_]*`, with an underscore for anything else.
  static func name(_ text: String) -> String {
    var name = ""
    for scalar in text.unicodeScalars {
      let isDigit = ("0"..."9").contains(scalar)
      let isLetter = ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || scalar == "_"
      if isDigit, name.isEmpty { name = "_" }
      name.unicodeScalars.append(isDigit || isLetter ? scalar : "_")
    }
    return name.isEmpty ? "_" : name
  }

  static func help(_ text: String) -> String {
    text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
  }

  /// `a="b",c="d"`
  static func labels(_ labels: PrometheusRegistry.Labels) -> String {
    labels.pairs.map { pair in
      let value = help(pair.value).replacing("\"", with: "\\\"")
      return "\(pair.name)=\"\(value)\""
    }.joined(separator: ",")
  }

  static func line(_ name: String, _ labels: String, _ value: Double) -> String {
    "\(name)\(labels.isEmpty ? "" : "{\(labels)}") \(number(value))\n"
  }

  static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    return Int64(exactly: value).map(String.init) ?? String(value)
  }
}
