import Testing

@testable import MotetReport

@Suite struct HTMLPageTests {
  @Test func holdsItsSectionsInOrder() throws {
    var page = HTMLPage(title: "Report", summary: "What was done.", footer: "made by hand")
    page.add("First", [.prose("One.\n\nTwo."), .code("motet demo")])
    page.add("Second", [.table(header: ["name", "value"], rows: [["a", "1.5"], ["b"]])])
    page.add("Third", [.figures([("98%", "right")]), .svg("<svg></svg>", caption: "a picture")])
    let html = page.html()
    let first = try #require(html.range(of: "<h2>First</h2>"))
    let second = try #require(html.range(of: "<h2>Second</h2>"))
    #expect(first.lowerBound < second.lowerBound)
    for part in [
      "<!doctype html>", "<title>Report</title>", "<p>One.</p>\n<p>Two.</p>", "<code>motet demo</code>",
      "<th class=\"n\">value</th>", "<td class=\"n\">1.5</td>", "<b>98%</b>", "<svg></svg>",
      "<figcaption>a picture</figcaption>", "<a href=\"#s2\">Second</a>", "prefers-color-scheme:dark",
    ] { #expect(html.contains(part), "no \(part)") }
  }

  @Test func takesNothingFromTheNetwork() {
    let chart = LineChart(title: "t", xLabel: "", yLabel: "", series: [("a", [(0, 1), (1, 2)])])
    var page = HTMLPage(title: "t")
    page.add("s", [.svg(chart.svg())])
    let html = page.html().replacing("xmlns=\"http://www.w3.org/2000/svg\"", with: "")
    for sign in ["http:", "https:", "<link", "@import", "url(", "src="] { #expect(!html.contains(sign)) }
  }

  @Test func markupInTextStaysText() {
    let nasty = DrawingTests.nasty
    var page = HTMLPage(title: nasty, summary: nasty, footer: nasty)
    page.add(
      nasty,
      [
        .prose(nasty), .code(nasty), .table(header: [nasty], rows: [[nasty]]), .figures([(nasty, nasty)]),
        .svg("", caption: nasty),
      ])
    #expect(!page.html().contains("<script"))
    #expect(page.html().contains("&lt;script&gt;"))
  }

  @Test func anEmptyPageIsStillAPage() {
    var page = HTMLPage(title: "")
    page.add("", [.table(header: [], rows: []), .prose(""), .figures([])])
    #expect(page.html().hasSuffix("</html>\n"))
  }
}
