/// The colours of the drawings, one for light pages and one for dark ones.
enum Palette {
  /// Series colours that stay apart for colour-blind readers (after Okabe and Ito 2008), light and dark.
  static let series: [(light: String, dark: String)] = [
    ("#2f6fde", "#6ea8ff"), ("#d9480f", "#ff9f6b"), ("#0b8a6a", "#3fd0a5"), ("#a03fb5", "#dd8cf0"),
    ("#b58100", "#f2c744"), ("#5c6773", "#a7b2bd"), ("#c2255c", "#ff8fb5"), ("#0c8599", "#5ad1e6"),
  ]

  /// Style rules that every drawing carries, so that it also looks right alone.
  static let css: String = {
    let light = series.enumerated().map { "--s\($0):\($1.light);" }.joined()
    let dark = series.enumerated().map { "--s\($0):\($1.dark);" }.joined()
    return """
      .motet{--ink:#1d2430;--soft:#66707c;--line:#e3e7ec;--empty:#eef0f3;\(light)\
      font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}\
      @media (prefers-color-scheme:dark){.motet{--ink:#e8ebef;--soft:#9aa4b0;--line:#313945;\
      --empty:#262d37;\(dark)}}\
      .motet text{fill:var(--ink);font-size:12px}.motet .soft{fill:var(--soft)}\
      .motet .title{font-size:15px;font-weight:600}.motet .group{font-size:12.5px;font-weight:500}.motet .number{font-variant-numeric:tabular-nums}\
      .motet .grid{stroke:var(--line);stroke-width:1}
      """
  }()

  static func series(_ index: Int) -> String { "var(--s\(index % series.count))" }
}

/// An SVG picture under construction.
struct Drawing {
  let width: Double
  let height: Double
  let title: String
  private var body = ""

  init(width: Double, height: Double, title: String) {
    self.width = width
    self.height = height
    self.title = title
  }

  enum Anchor: String { case start, middle, end }

  mutating func add(_ element: String) { body += element + "\n" }

  mutating func text(
    _ text: String, x: Double, y: Double, anchor: Anchor = .start, style: String = "", extra: String = ""
  ) {
    let classes = style.isEmpty ? "" : " class=\"\(style)\""
    add(
      "<text x=\"\(coordinate(x))\" y=\"\(coordinate(y))\" text-anchor=\"\(anchor.rawValue)\"\(classes)\(extra)>"
        + "\(escaped(text))</text>")
  }

  mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) {
    add(
      "<line class=\"grid\" x1=\"\(coordinate(x1))\" y1=\"\(coordinate(y1))\" x2=\"\(coordinate(x2))\" "
        + "y2=\"\(coordinate(y2))\"/>")
  }

  mutating func rectangle(
    x: Double, y: Double, width: Double, height: Double, fill: String, radius: Double = 3, tip: String = ""
  ) {
    let inside = tip.isEmpty ? "/>" : "><title>\(escaped(tip))</title></rect>"
    add(
      "<rect x=\"\(coordinate(x))\" y=\"\(coordinate(y))\" width=\"\(coordinate(max(0, width)))\" "
        + "height=\"\(coordinate(max(0, height)))\" rx=\"\(coordinate(radius))\" fill=\"\(fill)\"\(inside)")
  }

  func svg() -> String {
    """
    <svg class="motet" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(coordinate(width)) \
    \(coordinate(height))" width="\(coordinate(width))" height="\(coordinate(height))" role="img" \
    aria-label="\(escaped(title))">
    <style>\(Palette.css)</style>
    \(body)</svg>

    """
  }
}
