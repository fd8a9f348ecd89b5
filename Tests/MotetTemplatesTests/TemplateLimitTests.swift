import Foundation
import MotetTemplates
import Testing

@Suite struct TemplateLimitTests {
  @Test(arguments: [
    // Time.
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson }}",
    "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}",
    "{% set ns = namespace(x=(1,)) %}{% for i in range(40) %}{% set ns.x = (ns.x, ns.x) %}{% endfor %}{{ {ns.x: 1} }}",
    "{% set a = 'a' * 9999999 %}{% set b = 'a' * 4999999 ~ 'b' %}{% for i in range(99999) %}{{ a.find(b) }}{% endfor %}",
    "{% set x = range(99999) | list %}{% for i in range(99999) %}{{ x | sort | length }}{% endfor %}",
    "{% set a = 'a' * 30000000 %}{% for i in range(99999) %}{% set d = {a: 1} %}{% endfor %}",
    "{% set a = 'a' * 30000000 %}{% set d = {'b': 1} %}{% for i in range(99999) %}{{ a in d }}{{ d[a] }}{% endfor %}",
    "{% set a = ' ' * 30000000 %}{% for i in range(99999) %}{{ a.strip() }}{{ a.isspace() }}{% endfor %}",
    "{% set a = '1' * 30000000 %}{% for i in range(99999) %}{{ a is lower }}{{ a | wordcount }}{% endfor %}",
    "{% set a = 'a' * 30000000 %}{% for i in range(99999) %}{{ 'x'.startswith(a) }}{{ a == a ~ '' }}{% endfor %}",
    "{% for i in range(99999) %}{{ (range(99999) | map('string') | first) is none }}{% endfor %}",
    // Memory.
    "{{ 'a' * 9999999999 }}", "{{ 'aa' * 9223372036854775807 }}", "{{ [1] * 9999999999 }}",
    "{{ [1, 2] * 9223372036854775807 }}",
    "{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    "{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = ns.x.replace('a', 'aa') %}{% endfor %}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "{% set x = 'a' * 9999999 %}{% for i in range(99999) %}{{ x }}{% endfor %}",
    "{% set x = 'a' * 999999 %}{{ x.replace('a', x) }}", "{{ 'a'.center(9999999999) }}",
    "{{ 'a'.ljust(9223372036854775807) }}",
    "{{ 'a'.zfill(9223372036854775807) }}", "{{ '%9999999999d' % 1 }}",
    "{{ '%*d' % (9223372036854775807, 1) }}", "{{ '%.999999f' % 1 }}",
    "{{ '{:9999999999}'.format(1) }}", "{{ 'a' | indent(9223372036854775807, true) }}",
    "{{ [1] | tojson(indent=9223372036854775807) }}",
    "{{ [1] | batch(9223372036854775807, 1) | list }}", "{{ [1] | slice(9223372036854775807) | list }}",
    "{{ range(9223372036854775807) }}",
    "{{ range(-9223372036854775807, 9223372036854775807) }}",
    "{{ range(9223372036854775807, -9223372036854775807, -1) }}",
    "{% set x = ['a' * 999999] * 99999 %}{{ x | join }}", "{{ ('a' * 999999).join(['b'] * 99999) }}",
    "{% set x = 'a' * 999999 %}{{ ['b'] * 99999 | length }}{{ (['b'] * 9999) | join(x) }}",
    "{% set x = 'a' * 9999999 %}{{ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x }}",
    "{% set x %}{% for i in range(99999) %}{{ 'a' * 9999 }}{% endfor %}{% endset %}",
    // Nesting.
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m() %}{% if true %}{{ caller() }}{% endif %}{% endmacro %}{% macro n() %}{% call m() %}{{ n() }}{% endcall %}{% endmacro %}{{ n() }}",
    "{% set ns = namespace(x=[]) %}{% for i in range(99999) %}{% set ns.x = [ns.x] %}{% endfor %}",
    "{% set ns = namespace(x={}) %}{% for i in range(99999) %}{% set ns.x = {'a': ns.x} %}{% endfor %}",
    "{% set ns = namespace(x='') %}{% for i in range(99999) %}{% set ns.x = [ns.x].index %}{% endfor %}",
    "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}",
    "{% set ns = namespace() %}{% set ns.x = [ns] %}{{ ns.x }}",
    // Arithmetic.
    "{{ 10 ** 99 }}", "{{ 9223372036854775807 * 2 }}", "{{ -9223372036854775807 - 2 }}",
    "{{ (-9223372036854775807 - 1) // -1 }}", "{{ -(-9223372036854775807 - 1) }}",
    "{{ (-9223372036854775807 - 1) | abs }}", "{{ 1e308 | int }}", "{{ '99999999999999999999' | int }}",
    "{{ 2.0 ** 9999 }}", "{{ 1e300 | round(300, 'ceil') }}",
  ])
  func hostileTemplatesAreErrorsInTime(template: String) {
    let start = ContinuousClock.now
    #expect(throws: TemplateError.self) { try Template(template).render([:]) }
    #expect(ContinuousClock.now - start < .seconds(60))
  }

  @Test(arguments: [
    "{{ " + String(repeating: "(", count: 9_999) + "1" + String(repeating: ")", count: 9_999) + " }}",
    "{{ " + String(repeating: "[", count: 9_999), "{{ " + String(repeating: "{1:", count: 9_999),
    "{{ " + String(repeating: "not ", count: 9_999) + "1 }}",
    "{{ " + String(repeating: "-", count: 9_999) + "1 }}",
    "{{ a" + String(repeating: ".b", count: 9_999) + " }}",
    "{{ a" + String(repeating: "|trim", count: 9_999) + " }}",
    "{{ a" + String(repeating: "()", count: 9_999) + " }}",
    "{{ 1" + String(repeating: " if 1", count: 9_999) + " }}",
    "{{ 1" + String(repeating: " if 1 else 1", count: 9_999) + " }}",
    "{{ a" + String(repeating: "[a", count: 9_999) + " }}", String(repeating: "{% if a %}", count: 9_999),
    String(repeating: "{% for a in b %}", count: 9_999),
    "{% set " + String(repeating: "(", count: 9_999) + "a" + " %}",
    "{{ a is " + String(repeating: "x is ", count: 9_999) + " }}",
    "{% set x " + String(repeating: "|trim", count: 9_999) + "%}{% endset %}",
  ])
  func deepTemplatesAreErrors(template: String) {
    #expect(throws: TemplateError.self) { try Template(template) }
  }

  @Test func longFlatTemplatesAreFine() throws {
    let sum = "{{ 0" + String(repeating: " + 1", count: 5_000) + " }}"
    #expect(try Template(sum).render([:]).string == "5000")
    let words = "{{ ''" + String(repeating: " ~ 'a'", count: 5_000) + " }}"
    #expect(try Template(words).render([:]).string.count == 5_000)
    let choice = "{{ 0" + String(repeating: " or 0", count: 5_000) + " or 7 }}"
    #expect(try Template(choice).render([:]).string == "7")
    let branches = "{% if 0 %}" + String(repeating: "{% elif 0 %}", count: 5_000) + "{% else %}x{% endif %}"
    #expect(try Template(branches).render([:]).string == "x")
  }

  /// Threads of dispatch queues have 512 KiB on some systems.
  @Test func theDeepestTemplatesFitASmallStack() async throws {
    let macro =
      "{% macro m(n) %}{% for i in [1] %}{% if true %}{{ [m(n + 1)] | join }}{% endif %}{% endfor %}{% endmacro %}{{ m(0) }}"
    let parentheses =
      "{{ " + String(repeating: "(", count: 35) + "1" + String(repeating: ")", count: 35) + " }}"
    let lists =
      "{% set ns = namespace(x=[]) %}{% for i in range(190) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}{{ ns.x | tojson }}{{ ns.x == ns.x }}"
    for template in [macro, parentheses, lists] {
      let finished = await withCheckedContinuation { continuation in
        let thread = Thread {
          _ = try? Template(template).render([:])
          continuation.resume(returning: true)
        }
        thread.stackSize = 512 << 10
        thread.start()
      }
      #expect(finished)
    }
  }

  @Test func theLimitsAreThoseOfTheCaller() throws {
    var limits = TemplateLimits()
    limits.steps = 100
    let loop = try Template("{% for i in range(n) %}x{% endfor %}")
    #expect(try loop.render(["n": .int(5)], limits: limits).string == "xxxxx")
    #expect(throws: TemplateError.self) { try loop.render(["n": .int(500)], limits: limits) }
    limits = TemplateLimits()
    limits.text = 10
    #expect(throws: TemplateError.self) { try loop.render(["n": .int(11)], limits: limits) }
  }
}
