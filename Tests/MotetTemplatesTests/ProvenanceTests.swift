import MotetTemplates
import Testing

@Suite struct ProvenanceTests {
  /// The stretches of what a template makes of `x`, which is content: the template's own in capitals.
  private func rendered(_ template: String, x: String = "ab<c>d") throws -> String {
    let text = try Template(template).render(["x": .string(x)])
    return text.runs.map { run in
      let part = text.slice(run.range).string
      return run.origin == .template ? "{" + part + "}" : part
    }.joined(separator: "|")
  }

  @Test(arguments: [
    ("a{{ x }}b", "{a}|ab<c>d|{b}"), ("{{ 'a' ~ x ~ 'b' ~ 'c' }}", "{a}|ab<c>d|{bc}"), ("{{ x[1:3] }}", "b<"),
    ("{{ ('<' ~ x)[:3] }}", "{<}|ab"), ("{{ x | upper ~ 'x' | upper }}", "AB<C>D|{X}"),
    ("{{ (' ' ~ x ~ ' ') | trim }}", "ab<c>d"), ("{{ x.replace('b', '-') }}", "a|{-}|<c>d"),
    ("{{ 'a-b'.replace('-', x) }}", "{a}|ab<c>d|{b}"), ("{{ x.split('<')[1] }}", "c>d"),
    ("{{ '<|im_' ~ 'end|>' }}", "{<|im_end|>}"), ("{{ [x, 'y'] | join('-') }}", "ab<c>d|{-y}"),
    ("{{ x | reverse }}", "d>c<ba"), ("{{ [x] }}", "['ab<c>d']"), ("{{ x | tojson }}", "\"ab<c>d\""),
    ("{{ 'a' | tojson }}", "\"|{a}|\""), ("{{ 5 }}", "5"), ("{{ x | length }}", "6"),
    ("{{ '%s!' % x }}", "ab<c>d|{!}"),
    ("{{ '{}!'.format(x) }}", "ab<c>d|{!}"), ("{{ x | indent }}", "ab<c>d"),
    ("{{ x | first }}{{ 'q' | last }}", "a|{q}"),
    ("{% set y %}<{{ x }}>{% endset %}{{ y }}", "{<}|ab<c>d|{>}"),
    ("{% macro m(y) %}[{{ y }}]{% endmacro %}{{ m(x) }}", "{[}|ab<c>d|{]}"),
    ("{% filter upper %}a{{ x }}{% endfilter %}", "{A}|AB<C>D"), ("{{ {'k': x}.k ~ 'z' }}", "ab<c>d|{z}"),
    ("{% for c in x[:2] %}{{ c }}-{% endfor %}", "a|{-}|b|{-}"), ("{{ x | e }}", "ab&lt;c&gt;d"),
    ("{{ x.center(8) }}", " ab<c>d "),
    ("{{ x.title() ~ x | capitalize }}", "Ab<C>DAb<c>d"), ("{{ (x ~ 'é')[-2:] }}", "d|{é}"),
    ("{{ x * 2 }}", "ab<c>dab<c>d"),
    (
      "{% set ns = namespace(t='') %}{% for i in [1, 2] %}{% set ns.t = ns.t + '<' + x[:1] %}{% endfor %}{{ ns.t }}",
      "{<}|a|{<}|a"
    ),
    ("{{ x.partition('<')[0] ~ '|' ~ x.partition('<')[1] }}", "ab|{|}|<"),
    ("{{ 'a<b'.partition(x[2:3])[1] }}", "{<}"),
  ])
  func everyStretchRemembersWhereItComesFrom(template: String, expected: String) throws {
    #expect(try rendered(template) == expected)
  }

  @Test func stretchesCoverTheTextWithoutGaps() throws {
    let text = try Template("a{{ x }}b{{ x | upper }}").render(["x": .string("é")])
    var end = 0
    for run in text.runs {
      #expect(run.range.lowerBound == end && !run.range.isEmpty)
      end = run.range.upperBound
    }
    #expect(end == text.utf8Count && text.string == "aébÉ")
  }

  @Test func originsThatTheCallerNumbersStayApart() throws {
    let (one, two) = (TemplateText.Origin(rawValue: 7), TemplateText.Origin(rawValue: 8))
    let text = try Template("{{ (x ~ y)[1:3] | upper }}").render([
      "x": .string("ab", from: one), "y": .string("cd", from: two),
    ])
    #expect(text.string == "BC")
    #expect(text.runs.map(\.origin) == [one, two])
  }

  @Test func generationBlocksAreMarkedAlsoInsideOfMacrosAndFilters() throws {
    func marked(_ template: String) throws -> [String] {
      let text = try Template(template).render(["x": .string("c")])
      return text.runs.filter(\.isGenerated).map { text.slice($0.range).string }
    }
    #expect(try marked("a{% generation %}b{{ x }}{% endgeneration %}d") == ["b", "c"])
    #expect(
      try marked("{% macro m() %}a{% generation %}b{% endgeneration %}c{% endmacro %}{{ m() | upper }}") == [
        "B"
      ])
    #expect(try marked("{% set t %}a{% generation %}b{% endgeneration %}{% endset %}x{{ t[1:] }}") == ["b"])
    #expect(try Template("{% if false %}{% generation %}{% endgeneration %}{% endif %}").hasGeneration)
    #expect(try !Template("generation").hasGeneration)
  }
}
