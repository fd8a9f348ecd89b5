import MotetTemplates
import Testing

@Suite struct TemplateErrorTests {
  @Test(arguments: [
    ("a\nb {% import 'x' as y %}", "line 2, column 6: the tag {% import %} is not supported"),
    ("{% nope %}", "line 1, column 4: the tag {% nope %} is not known here"),
    (
      "{% if x %}\n\n{% endfor %}",
      "line 3, column 4: the tag {% endfor %} is not known here: {% elif %} or {% else %} or {% endif %} is expected"
    ),
    ("a\n  {% for x in y %}", "line 2, column 6: the tag {% for %} does not end"),
    ("{{ x | wordwrap }}", "line 1, column 8: the filter 'wordwrap' is not supported"),
    ("{{ 1 is prime }}", "line 1, column 9: the test 'prime' is not supported"),
    ("\n{{ a b }}", "line 2, column 6: '}}' is expected, not 'b'"),
    ("{{ 'a }}", "line 1, column 4: the string does not end"),
    ("a {# b", "line 1, column 3: the comment does not end"),
    ("{{ a ! }}", "line 1, column 6: the character '!' has no meaning here"),
    ("{{ (1] }}", "line 1, column 6: ']' closes nothing"),
    ("{% break %}", "line 1, column 4: {% break %} stands in no loop"),
    ("{{ x", "line 1, column 1: the tag does not end"),
    ("{% for x in y recursive %}{% endfor %}", "line 1, column 15: a recursive loop is not supported"),
    (
      "{{ 99999999999999999999 }}",
      "line 1, column 4: 99999999999999999999 is too large: integers have 64 bits"
    ),
  ])
  func whatCannotBeReadIsNamedWithItsPlace(template: String, expected: String) {
    let error = #expect(throws: TemplateError.self) { try Template(template) }
    #expect(error?.description == expected)
  }

  @Test(arguments: [
    ("a\n {{ missing.x }}", "line 2, column 12: 'missing' is undefined"),
    ("{{ m.x.y }}", "line 1, column 7: a mapping has no attribute 'x'"),
    ("{{ 'a' + 1 }}", "line 1, column 8: '+' does not fit a string and an integer"),
    (
      "{{ l.append(1) }}",
      "line 1, column 12: '.append' would change a list, which templates cannot: use '+' or a namespace"
    ),
    ("{{ m.update({}) }}", "line 1, column 12: '.update' would change a mapping, which templates cannot"),
    ("{{ raise_exception('No ' ~ 1) }}", "line 1, column 19: the template says: No 1"),
    ("{{ 1 / 0 }}", "line 1, column 6: division by zero"),
    ("{{ l | map('upper') | length }}", "line 1, column 23: an iterator has no length"),
    ("{% if true %}{{ 'a' | pprint }}{% endif %}", "line 1, column 23: the filter 'pprint' is not supported"),
    ("{{ 9223372036854775807 + 1 }}", "line 1, column 24: an integer does not fit in 64 bits"),
    ("{{ range }}{{ range() }}", "line 1, column 20: range needs the argument 'start'"),
    ("{{ 'a' | trim(1, 2) }}", "line 1, column 10: the filter 'trim' takes at most 1 arguments, not 2"),
    ("{{ 'a' | trim(x=1) }}", "line 1, column 10: the filter 'trim' takes no argument 'x'"),
    ("{{ strftime_now('%Q') }}", "line 1, column 16: the date format '%Q' is not supported"),
  ])
  func whatFailsIsNamedWithItsPlace(template: String, expected: String) throws {
    let variables: [String: TemplateValue] = try ["m": .mapping([]), "l": .array([])]
    let error = #expect(throws: TemplateError.self) { try Template(template).render(variables) }
    #expect(error?.description == expected)
  }
}
