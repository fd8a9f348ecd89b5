/// One self-contained page: text, tables, code and inline pictures, readable without a network.
///
/// ```swift
/// var page = HTMLPage(title: "Motet demo", summary: "Three adapters on one base.")
/// page.add("Accuracy", [.prose("Held-out items."), .svg(map.svg())])
/// try page.html().write(toFile: "report.html", atomically: true, encoding: .utf8)
/// ```
public struct HTMLPage: Sendable {
  /// A piece of a section. All text is escaped except `svg` and `html`, which are taken as they are.
  public enum Block: Sendable {
    case prose(String)
    /// A drawing of this room, and a caption below it (empty: none).
    case svg(String, caption: String = "")
    /// Columns of numbers are set flush right.
    case table(header: [String], rows: [[String]])
    case code(String)
    /// Large figures side by side: `("98.2%", "routed right")`.
    case figures([(value: String, label: String)])
    case html(String)
  }

  public struct Section: Sendable {
    public var heading: String
    public var blocks: [Block]

    public init(heading: String, blocks: [Block]) {
      self.heading = heading
      self.blocks = blocks
    }
  }

  public var title: String
  /// One or two sentences under the title.
  public var summary: String
  public var sections: [Section]
  /// A last line: what made the page, on which machine, by which command.
  public var footer: String

  public init(title: String, summary: String = "", sections: [Section] = [], footer: String = "") {
    self.title = title
    self.summary = summary
    self.sections = sections
    self.footer = footer
  }

  public mutating func add(_ heading: String, _ blocks: [Block]) {
    sections.append(Section(heading: heading, blocks: blocks))
  }

  public func html() -> String {
    let content = sections.enumerated().map { index, section in
      """
      <section id="s\(index + 1)">
      <h2>\(escaped(section.heading))</h2>
      \(section.blocks.map(Self.html).joined(separator: "\n"))
      </section>
      """
    }.joined(separator: "\n")
    let contents = sections.enumerated().map { index, section in
      "<a href=\"#s\(index + 1)\">\(escaped(section.heading))</a>"
    }.joined(separator: "\n")
    return """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <title>\(escaped(title))</title>
      <style>\(Self.css)</style>
      </head>
      <body>
      <header>
      <h1>\(escaped(title))</h1>
      \(summary.isEmpty ? "" : "<p>\(escaped(summary))</p>")
      \(sections.count > 2 ? "<nav>\n\(contents)\n</nav>" : "")
      </header>
      <main>
      \(content)
      </main>
      \(footer.isEmpty ? "" : "<footer>\(escaped(footer))</footer>")
      </body>
      </html>

      """
  }

  private static func html(_ block: Block) -> String {
    switch block {
    case .prose(let text):
      return text.split(separator: "\n\n").map { "<p>\(escaped(String($0)))</p>" }.joined(separator: "\n")
    case .svg(let drawing, let caption):
      let below = caption.isEmpty ? "" : "<figcaption>\(escaped(caption))</figcaption>"
      return "<figure>\(drawing)\(below)</figure>"
    case .code(let text): return "<pre><code>\(escaped(text))</code></pre>"
    case .figures(let figures):
      let cards = figures.map { "<div><b>\(escaped($0.value))</b><span>\(escaped($0.label))</span></div>" }
      return "<div class=\"figures\">\(cards.joined())</div>"
    case .html(let text): return text
    case .table(let header, let rows): return table(header, rows)
    }
  }

  private static func table(_ header: [String], _ rows: [[String]]) -> String {
    let columns = max(header.count, rows.map(\.count).max() ?? 0)
    let isNumeric = (0..<columns).map { column in
      let cells = rows.compactMap { column < $0.count ? $0[column] : nil }.filter { !$0.isEmpty }
      return !cells.isEmpty && cells.allSatisfy(TextTable.isNumber)
    }
    func line(_ cells: [String], tag: String) -> String {
      let filled = (0..<columns).map { column in
        let cell = column < cells.count ? cells[column] : ""
        return "<\(tag)\(isNumeric[column] ? " class=\"n\"" : "")>\(escaped(cell))</\(tag)>"
      }
      return "<tr>\(filled.joined())</tr>"
    }
    let head = header.isEmpty ? "" : "<thead>\(line(header, tag: "th"))</thead>\n"
    let body = rows.map { line($0, tag: "td") }.joined(separator: "\n")
    return "<div class=\"scroll\"><table>\n\(head)<tbody>\n\(body)\n</tbody></table></div>"
  }

  private static let css = """
    :root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1d2430;--soft:#66707c;--line:#e3e7ec;\
    --accent:#2f6fde;--code:#f3f5f8}
    @media (prefers-color-scheme:dark){:root{--bg:#14181e;--card:#1c222b;--ink:#e8ebef;--soft:#9aa4b0;\
    --line:#313945;--accent:#6ea8ff;--code:#151a21}}
    *{box-sizing:border-box}
    body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",\
    Roboto,"Helvetica Neue",Arial,sans-serif}
    header,main,footer{max-width:920px;margin:0 auto;padding:0 24px}
    header{padding-top:44px}h1{font-size:32px;line-height:1.2;margin:0 0 8px;letter-spacing:-.02em}
    header p{color:var(--soft);font-size:18px;margin:0 0 8px;max-width:44em}
    nav{display:flex;flex-wrap:wrap;gap:6px 18px;padding:10px 0 4px;font-size:14px}
    a{color:var(--accent);text-decoration:none}a:hover{text-decoration:underline}
    section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:20px 26px 22px;\
    margin:18px 0}
    h2{font-size:20px;margin:0 0 8px;letter-spacing:-.01em}p{margin:0 0 12px}
    figure{margin:14px 0 4px;overflow-x:auto}figure svg{display:block;max-width:100%;height:auto;margin:0 auto}
    figcaption{color:var(--soft);font-size:14px;text-align:center;margin-top:4px}
    .scroll{overflow-x:auto;margin:12px 0}table{border-collapse:collapse;width:100%;font-size:14.5px}
    th,td{text-align:left;padding:7px 12px;border-bottom:1px solid var(--line);vertical-align:top}
    th{color:var(--soft);font-weight:600;white-space:nowrap}tr:last-child td{border-bottom:0}
    .n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
    pre{background:var(--code);border:1px solid var(--line);border-radius:8px;padding:12px 14px;overflow-x:auto;\
    font:13.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
    .figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:12px;margin:12px 0}
    .figures div{border:1px solid var(--line);border-radius:10px;padding:12px 14px}
    .figures b{display:block;font-size:23px;white-space:nowrap;line-height:1.2;font-variant-numeric:tabular-nums}
    .figures span{color:var(--soft);font-size:13.5px}
    footer{color:var(--soft);font-size:13.5px;padding-top:4px;padding-bottom:44px}
    @media print{body{background:#fff}section{break-inside:avoid}}
    """
}
