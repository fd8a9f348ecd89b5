"""Makes the fixtures of the template interpreter and of chat templates, with jinja2 and transformers.

    pip install jinja2 transformers tokenizers gguf

    # The committed fixtures (templates/*.json, beside this script):
    python templates.py fixtures
    python templates.py chats

    # The full check, on templates of real models, which are not part of this repository: every file DIR/*.jinja is
    # rendered for every conversation below. Then the test that reads what was made, and prints a table.
    python templates.py full --templates DIR --output DIR.jsonl
    MOTET_TEMPLATES=DIR.jsonl swift test --filter ChatTemplateFullCheck

Templates are compiled as `transformers` compiles them (`_compile_jinja_template`): with its sandbox, its `tojson`, its
loop controls and its `{% generation %}`. A case with "error" is one that jinja2 refuses.
"""

import argparse
import datetime
import glob
import json
import os
import re

from transformers.utils import chat_template_utils

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")
NOW = datetime.datetime(2026, 2, 3, 4, 5, 6, 7)


class FixedDate(datetime.datetime):
    @classmethod
    def now(cls, zone=None):
        return NOW


chat_template_utils.datetime = FixedDate

VARIABLES = {
    "name": "World", "empty": "", "number": 42, "negative": -7, "ratio": 2.5, "yes": True, "no": False, "nothing": None,
    "numbers": [3, 1, 2], "words": ["b", "A", "c", "B"], "mixed": [1, "two", None, True, 2.5, [1], {"k": "v"}],
    "person": {"name": "Ada", "age": 36, "items": [1, 2], "langs": ["en", "fr"], "address": {"city": "London"}},
    "people": [{"name": "Ada", "age": 36, "tag": "x"}, {"name": "bob", "age": 5, "tag": "y"},
               {"name": "Cy", "age": 36, "tag": "x"}, {"name": "dee", "tag": None}],
    "unicode": "Straße ÅNGSTRÖM ΣΊΣΥΦΟΣ ǆ 日本語 👍🏽 é", "lines": "one\n  two\r\n\nthree\n", "spaced": "  a  b\tc \n",
    "quotes": "it's \"quoted\" \\ \u0007 \u00a0 \u200b", "html": "<a href=\"x\">&'", "nested": {"a": [{"b": [10, 20]}], "c": {}},
    "nestedlist": [[1, 2], [3, 4], [5, 6]], "tools": [{"type": "function", "function": {"name": "add", "description":
    "Adds é \"x\"", "parameters": {"type": "object", "properties": {"a": {"type": "number", "minimum": 0.5}, "b": {}},
    "required": ["a"]}}}], "big": 12345678901234567, "huger": 98765432109876543210, "tiny": 1.5e-7, "huge": 1e21, "dotted": "a.b.c",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"},
                 {"role": "assistant", "content": "Hello"}, {"role": "user", "content": "Bye"}],
}

# Expressions: each is printed by {{ }}.
EXPRESSIONS = r"""
'a' 'b' "c" | 'tab\tnewline\nquote\'\"\\' | "\x41\u00e9\U0001f600\101\q" | 1 | 1_000 | 0x1F | 0b101 | 0o17 | 1.5 | 1e3 |
1.5e-7 | 1E5 | 0.1 + 0.2 | 1e16 | 123456789012345680.0 | 1e15 | 1e22 | 0.0001 | 0.00001 | 100.0 | -0.0 | 1/3 | 2/3*3 |
true | True | false | False | none | None | [1, 'a', None] | [] | [1,] | (1,) | () | (1, 2) | 1, 2 | {} | {'a': 1, 2: [3]} |
{'a': 1,} | {1: 'x', 1.0: 'y', true: 'z'} | {'a': {'b': 'c'}}.a.b | {'a': 1}['a'] | [1,2,3][0] | [1,2,3][-1] | [1,2,3][9] |
[1,2,3].0 | (1,2,3)[1:] | [1,2,3][:-1] | [1,2,3,4][::2] | [1,2,3,4][::-1] | [1,2,3,4][3:0:-1] | [1,2,3][5:] | [1,2,3][-9:2] |
'hello'[1] | 'hello'[-1] | 'hello'[1:3] | 'hello'[::-1] | 'hello'[4:1:-1] | 'hello'[9] | '日本語'[1] | '日本語'[::-1] | 'hello'[:-2] |
1 + 2 * 3 | (1 + 2) * 3 | 7 // 2 | -7 // 2 | 7 // -2 | 7 % 3 | -7 % 3 | 7 % -3 | 7.5 // 2 | -7.5 // 2 | 7.5 % 2 | -7.5 % 2 | 2 ** 10 |
2 ** 3 ** 2 | -2 ** 2 | 2 ** -1 | 2.0 ** 3 | 0 ** 0 | 5 / 2 | 4 / 2 | 1 - 2 - 3 | 2 * 3.0 | +5 | -number | - -5 | 1 + true | 'a' + 'b' |
'ab' * 3 | 3 * 'ab' | 'a' * 0 | 'a' * -1 | [1] * 3 | [1] + [2] | (1,) + (2,) | 'a' ~ 1 ~ none ~ 2.0 ~ true ~ [1] | 'a' ~ missing ~ 'b' |
1 ~ 2 + 3 | 1 + 2 ~ 3 | '%s-%d' % ('a', 5) | '%s' % 5 | '%05.2f|%5d|%-5d|%+d|%x|%%' % (3.14159, 42, 42, 42, 255) | '%s %s' % ('a', [1]) |
'%(a)s' % {'a': 5} | '%r' % 'x' | '%c%c' % ('a', 66) | '%e' % 12345.678 | '%g' % 0.00001 | '%o %X %#x' % (8, 255, 255) | '%.2s' % 'abc' |
1 == 1.0 | 1 == '1' | 'a' == 'a' | [1, 2] == [1, 2] | {'a': 1} == {'a': 1.0} | (1,) == [1] | none == none | none == false | true == 1 |
1 != 2 | 1 < 2 | 2 <= 2 | 3 > 2 | 2 >= 3 | 'a' < 'b' | 'a' < 'B' | 'é' > 'z' | [1, 2] < [1, 3] | [1] < [1, 0] | 1 < 2 < 3 | 1 < 3 < 2 |
1 == 1 != 2 | 1 in [1, 2] | 3 not in [1, 2] | 'ell' in 'hello' | '' in 'a' | 'a' in {'a': 1} | 1 in {'a': 1} | 1 in (1,) | 'x' in missing |
1 in [true] | 2 in [1, 2] == true | not true | not 0 | not '' | not [] | not missing | not not 1 | true and false | 1 and 2 | 0 and 2 |
0 or 'x' | '' or none | 1 or 2 | true and not false or false | not 1 == 2 | not 1 in [2] | 'yes' if true else 'no' | 'yes' if false else 'no' |
'yes' if false | 1 if true else 2 if false else 3 | (1 if false else 2 if false else 3) | 'a' if missing else 'b' | 'a' if [] else 'b' |
1 if none is none else 2 | missing | missing.x | missing['x'] | missing | missing() | person.name | person['name'] | person.missing | person.missing.x |
 person['items'] | person.items() | person.items()|list | person.keys()|list | person.values()|list | person.get('name') | person.get('x') |
person.get('x', 5) | person['address']['city'] | person.address.city | nested.a[0].b[1] | nested.a.0.b.1 | nested['c'].x | people[0].name | person.name.upper() |
person|length | nothing.x | number.x | 'abc'.x | [1].x | none['a'] | 5[0] | 'abc'['x'] | [1,2]['x'] | person[1] | person[none] | person[[1]] | numbers[true] | numbers['0'] |
numbers[1.0] | name is defined | missing is defined | missing is undefined | person.x is defined | nothing is none | name is string | number is string | number is number |
ratio is number | yes is number | number is integer | yes is integer | ratio is integer | ratio is float | number is float | yes is boolean | number is boolean |
yes is true | no is false | 1 is true | person is mapping | numbers is mapping | numbers is iterable | name is iterable | number is iterable | missing is iterable |
numbers is sequence | name is sequence | person is sequence | number is sequence | missing is sequence | person.items() is sequence | (1,2) is sequence | range(3) is sequence |
number is even | number is odd | 3 is odd | -3 is odd | number is divisibleby 7 | number is divisibleby(5) | number is eq 42 | number is equalto(42) | number is ne 42 |
number is lt 43 | number is le 42 | number is gt 41 | number is ge 43 | number is lessthan 50 | number is greaterthan(50) | 'a' is in ['a'] | 1 is not in [1] | 'abc' is lower |
'ABC' is upper | 'Abc' is lower | '123' is lower | none is sameas none | true is sameas 1 | 'upper' is filter | 'nope' is filter | 'odd' is test | 'nope' is test |
range is callable | name is callable | missing is not defined | not missing is defined | name is not string | name is defined and number is defined | 'x' is escaped |
'x'|safe is escaped | namespace is callable | person.items is callable | number is defined == true | name|upper | name|lower | 'hELLO wORLD'|capitalize | 'hello wORLD-foo (bar) [baz'|title |
"it's o'clock"|title | "it's o'clock ABC1def".title() | unicode|upper | unicode|lower | unicode|title | unicode.title() | unicode|capitalize | unicode.swapcase() | 'ß'|upper | 'ΑΣ'|lower |
'ΑΣ Σ ΣΑ ΑΣ!'|lower | 'ŉ'.upper() | 'İ'.lower() | spaced|trim | 'xxaxx'|trim('x') | 'abcba'|trim('ab') | '\u00a0a\u2003'|trim | 5|trim | none|trim | missing|trim |
'aXbXc'|replace('X', '-') | 'aaa'|replace('a', 'b', 2) | 'abc'|replace('', '-') | 123|replace(2, 'x') | 'a.b'|replace('.', '') | 'aaaa'|replace('aa', 'b') |
'hello'|length | '日本語👍🏽'|length | numbers|length | person|count | missing|length | numbers|first | numbers|last | []|first | []|last | 'abc'|first | 'abc'|last |
person|first | numbers|join | numbers|join(', ') | ['a', 1, none]|join('-') | people|join(', ', attribute='name') | 'abc'|join('.') | missing|join(',') | [['a'], 'b']|join('|') |
numbers|sort | numbers|sort(reverse=true) | words|sort | words|sort(case_sensitive=true) | people|sort(attribute='name')|map(attribute='name')|list | ['b', 1]|sort |
people[:3]|sort(attribute='age,name')|map(attribute='name')|list | words|unique|list | [1, 1.0, true, 2]|unique|list | words|unique(true)|list | people|unique(attribute='tag')|map(attribute='name')|list |
numbers|reverse|list | 'abc'|reverse | (1,2,3)|reverse|list | numbers|max | numbers|min | words|max | words|min | []|max | people[:3]|max(attribute='age') | people[:3]|min(attribute='age') |
['a','B']|max(true) | numbers|sum | [1.5, 2]|sum | people[:3]|sum(attribute='age') | []|sum | [1,2]|sum(start=10) | ['a']|sum | numbers|list | 'abc'|list | person|list | missing|list | 5|list |
numbers|map('string')|list | words|map('upper')|list | people|map(attribute='name')|join(',') | people|map(attribute='age')|list | people|map(attribute='age', default=0)|list |
[[1,2],[3]]|map('first')|list | ['a','b']|map('replace', 'a', 'x')|list | []|map('upper')|list | people|map(attribute='tag', default='z')|list | nestedlist|map(attribute=1)|list |
[{'a': {'b': 1}}]|map(attribute='a.b')|list | numbers|select('odd')|list | numbers|select('>', 1)|list | numbers|reject('odd')|list | [0, 1, '', 'a', none]|select|list |
[0, 1, '', 'a']|reject|list | people|selectattr('age')|map(attribute='name')|list | people|selectattr('name', 'equalto', 'Ada')|list|length | people|selectattr('age', 'defined')|list|length |
people|selectattr('tag', 'none')|map(attribute='name')|list | people|rejectattr('age', 'eq', 36)|map(attribute='name')|list | people|rejectattr('tag')|map(attribute='name')|list |
people|selectattr('tag', 'in', ['x'])|map(attribute='name')|list | messages|selectattr('role', '==', 'user')|list|last | messages|selectattr('role', 'equalto', 'system')|first |
messages|rejectattr('role', 'eq', 'system')|map(attribute='content')|join('/') | (messages|selectattr('role', 'equalto', 'nobody')|list|last).content |
person|dictsort | {'b': 1, 'A': 2, 'c': 0}|dictsort | {'b': 1, 'A': 2}|dictsort(true) | {'b': 1, 'A': 2, 'c': 0}|dictsort(false, 'value') | {'b': 1, 'a': 2}|dictsort(reverse=true) |
{'a': 1}|items|list | missing|items|list | person|items|list|length | numbers|batch(2)|list | numbers|batch(2, 'x')|list | []|batch(2)|list | range(7)|slice(3)|list | range(7)|slice(3, 'x')|list |
people[:3]|groupby('age') | people[:3]|groupby('tag')|map('first')|list | (people[:3]|groupby('tag')|first).list|length | (people[:3]|groupby('tag'))[0].grouper | words|groupby('0')|list |
missing|default('d') | name|default('d') | ''|default('d') | ''|default('d', true) | none|default('d') | none|d('d', boolean=true) | missing|default | person.x|default('n/a') | missing|default(missing) |
'42'|int | '42.9'|int | 'x'|int | 'x'|int(5) | '0x1f'|int(base=16) | '0x1f'|int(0, 16) | 'ff'|int(0, 16) | 3.99|int | -3.99|int | true|int | none|int | ' 12 '|int | '1_000'|int | '1e3'|int | ''|int | [1]|int |
'3.5'|float | 'x'|float | 'x'|float(1.5) | '1e5'|float | 3|float | 'inf'|float | 'nan'|float | '-5'|float | '.5'|float | '5.'|float | '1_0.5'|float | none|float | '0x10'|float | '\u0665'|int |
2.5|round | 3.5|round | -2.5|round | 2.675|round(2) | 42.55|round(1, 'floor') | 42.51|round(1, 'ceil') | 42|round | 1234.5|round(-2) | 1250|round(-2) | 1350|round(-2) | -1250|round(-2) | 0.5|round | 1.5|round|int | 5.0|round(3) |
-5|abs | 2.5|abs | -2.5|abs | true|abs | 'x'|abs | 5|string | none|string | 1.0|string | [1]|string | 'a'|string | missing|string | 3.14|string|length |
html|e | html|escape | html|escape|escape | html|safe|escape | html|forceescape | 5|e | html|safe + '<' | '<' + html|safe | html|safe ~ '<' | (html|safe)|upper | ('<'|safe)|replace('<', '>') |
lines|indent | lines|indent(2, true) | lines|indent(2, first=true, blank=true) | lines|indent('> ') | ''|indent | 'a'|indent(2, true) | 'a\n'|indent | 'a\n\nb'|indent(1) | 'a\n\nb'|indent(1, blank=true) | 'a b c d'|wordcount | 'Hello, wörld! x_y 1-2'|wordcount |
'foo bar baz qux'|truncate(9) | 'foo bar baz qux'|truncate(9, true) | 'foo bar baz qux'|truncate(11) | 'foo bar baz qux'|truncate(11, false, '...', 0) | 'foobarbazqux'|truncate(6, leeway=0) | 'abc'|truncate(1) |
'x'|center(5) | 'ab'|center(5) | 'ab'.center(5, '*') | 'abc'.center(6) | 'ab'.ljust(4, '.') | 'ab'.rjust(4) | '-5'.zfill(5) | '+5'.zfill(1) | '5'.zfill(3) | 'é'.center(4)|length | '%s %s'|format('a', 1) | '%(x)s'|format(x=1) | '%.2f'|format(2) |
tools|tojson | tools[0]|tojson | tools|tojson(indent=4) | tools|tojson(indent=2) | mixed|tojson | mixed|tojson(indent=1) | {}|tojson(indent=2) | []|tojson(indent=2) | {'a': []}|tojson(indent=2) | 'é"\\\n\t\r\b\f\x01\x7f/<>&\u2028😀'|tojson |
'é😀'|tojson(ensure_ascii=true) | quotes|tojson | {'b': 1, 'a': 2}|tojson(sort_keys=true) | {'b': {'d': 1, 'c': 2}, 'a': 2}|tojson(sort_keys=true) | {'a': 1, 'b': [1, 2]}|tojson(separators=(',', ':')) | {'a': 1}|tojson(indent=2, separators=(',', ':')) | 1.0|tojson | 1e22|tojson | tiny|tojson | big|tojson | huger|tojson | huger | [huger] | huger|string | huger is integer | huger is number | huger > 5 | huger == huger | huger / 2 > 1 | {huger: 1} |
none|tojson | true|tojson | {1: 'a', none: 'b', true: 'c', 1.5: 'd'}|tojson | (1, 2)|tojson | range(3)|tojson | missing|tojson | namespace()|tojson | person.items()|tojson | {'a': missing}|tojson | tools|tojson(indent='--') | [1,[2,[3]]]|tojson(indent=2) | 'x'|tojson|length |
mixed | person | people | quotes | [quotes] | ["it's"] | ['"'] | ['\'"'] | ['\x00\x1f\x7f\x80\u00ad\u2028\ue000'] | ['日本 é 👍🏽'] | [1.0, 1e16, -0.0] | (none, true) | [missing] | {'a': missing} | [[], {}, ()] | {'a': (1,)} | range(3) | range(1, 9, 2) | range(5, 0, -2)|list | range(0)|list | range(3)[1] | range(5)[1:3] | range(5)[-1] | range(3)|length | 2 in range(3) |
range(3) == range(3) | range('a') | range(1, 2, 0) | range(200000)|length | range(1, none) | dict(a=1) | dict({'a': 1}, b=2) | dict([('a', 1), ('b', 2)]) | dict(a=1).a | {'a': 1}.keys() | {'a': 1}.values() | {'a': 1}.items() | {}.items() | namespace(a=1).a | namespace({'a': 1}, b=2).b | namespace(a=1).x | namespace(a=1, b='x') | namespace(_a=1) |
'a b  c'.split() | ' a b '.split(' ') | 'a,b,c'.split(',') | 'a,b,c'.split(',', 1) | 'a,b,c'.rsplit(',', 1) | ' a  b c '.split(none, 1) | ' a  b c '.rsplit(none, 1) | 'a,b'.split('') | ''.split() | ''.split(',') | 'aXXbXXc'.split('XX') | 'abc'.split('abc') | '</think>a</think>b'.split('</think>')[-1] | 'x'.split('y')[0] |
lines.splitlines() | lines.splitlines(true) | 'a\x0bb\x0cc\u2028d\x85e'.splitlines() | 'abc'.startswith('ab') | 'abc'.startswith(('x', 'a')) | 'abc'.startswith('b', 1) | 'abc'.endswith('bc') | 'abc'.endswith(('x',)) | 'abc'.endswith('b', 0, 2) | 'abc'.startswith('') | 'abc'.startswith('abcd') | 'abc'.startswith(1) |
spaced.strip() | spaced.lstrip() | spaced.rstrip() | 'xxaxx'.strip('x') | 'xyaxy'.lstrip('xy') | 'xyaxy'.rstrip('xy') | '\n a'.lstrip('\n') | 'aXb'.replace('X', '') | 'aaa'.replace('a', 'b', 1) | 'abc'.find('c') | 'abc'.find('x') | '日本語本'.find('本') | '日本語本'.rfind('本') | 'abcabc'.find('b', 2) | 'abc'.find('') | 'abc'.find('', 5) | 'abc'.index('b') | 'abc'.index('x') |
'banana'.count('an') | 'aaa'.count('aa') | 'abc'.count('') | 'abc'.upper() | 'ABC'.lower() | 'aBC'.capitalize() | 'hello world'.title() | ','.join(['a', 'b']) | ','.join('abc') | ','.join([1]) | ','.join(person) | 'a-b-c'.partition('-') | 'a-b-c'.rpartition('-') | 'abc'.partition('-') | 'abc'.rpartition('-') |
'prefix-x'.removeprefix('prefix-') | 'x-suffix'.removesuffix('-suffix') | 'abc'.isalpha() | 'ab1'.isalnum() | '12'.isdigit() | '²'.isdigit() | '²'.isdecimal() | '½'.isnumeric() | ' \t'.isspace() | ''.isspace() | 'aé'.islower() | 'AÉ'.isupper() | 'abc'.isascii() | 'é'.isascii() |
'{} {}'.format('a', 1) | '{1} {0}'.format('a', 'b') | '{x}'.format(x=5) | '{0.name} {0[age]}'.format(person) | '{:>5}|{:<5}|{:^5}|{:*^6}'.format('a', 'b', 'c', 'd') | '{:05d} {:+d} {:,}'.format(42, 42, 1234567) | '{:.2f} {:e} {:g} {:%}'.format(3.14159, 1234.5, 0.0001, 0.25) | '{:x} {:#x} {:b} {:o}'.format(255, 255, 5, 8) | '{!r} {!s}'.format('a', 'b') | '{{}} {}'.format(1) | '{'.format() | '{}'.format() | '{:{}}'.format('a', 4) | '{:.2}'.format('abc') | '{}'.format(none) | '{:.3}'.format(3.14159) | '{}'.format(1.0) |
numbers.append(4) | numbers.pop() | person.update({}) | numbers.index(2) | numbers.index(9) | numbers.count(1) | (1,2).index(2) | numbers.copy() | person.pop | person.__class__ | ''.__class__ | loop | cycler('a', 'b').next() | cycler() | joiner(', ')() | raise_exception('Stop it') |
strftime_now('%Y-%m-%d') | strftime_now('%d %b %Y') | strftime_now('%A, %B %e, %Y at %H:%M:%S %p') | strftime_now('%y %j %U'|replace('%U', '')) | strftime_now('%-d/%-m %I %%') | strftime_now('%a %F %T') | name|nope | name is nope | nope(1) | 'a'|upper|lower|title | (name)|length | name|length + 1 | -5|abs | 2 ** 3|string |
1 + '1' | 'a' + 1 | [1] + (1,) | 'a' - 'b' | none + 1 | 1 / 0 | 1 // 0 | 1 % 0 | 1.0 / 0 | 0 ** -1 | 1 < 'a' | none < 1 | [1] < 1 | {} < {} | -'a' | -missing | missing + 1 | 1 + missing | missing * 2 | missing < 1 | 1 in 5 | 1 in 'a' | missing in 'a' | {[1]: 2} | 5() | 'a'() | numbers(1) | [1,2,3][::0] | name['b':] |
numbers[1.5:] | number[1:] | missing[1:] | person[1:] | '\N{DASH}' | (1, 2, 3)[1] | ([1, 2], 3)[0][1] | {'x': [1, {'y': 'z'}]}.x[1].y | [1, 2, 3]|length > 2 and 'many' or 'few' | (numbers|length) // 2 | ['a', 'b'][numbers|length % 2] | numbers|map('multiply')|list | numbers|select('nope')|list | 'a' if 'x' is nope else 'b' | 'a' if false else 'b'|nope |
'a'|attr('upper') is callable | person|attr('name') | person|attr('items') is callable | namespace(a=5)|attr('a') | 'a b/c?d=é'|urlencode | {'a b': 'c/d', 'e': 1}|urlencode | *1 | 1 if | 1 2 | a b | [1 | (1 | {1} | {1: | 'unclosed | 1 | | 1 | 5 | x.. | x. | x.1 | .5 | 1. | 007 | 00 | 1__0 | 0x | a! | a & b | 'a' is | true is is | name is defined is string | not | or | -
"""

# Statements: whole templates, in Python so that white space is exact.
TEMPLATES = [
    "", "text", "text\n", "text\n\n", "\n", "a\r\nb\rc\n", "{{ name }}", "{{name}}\n", "  {{ name }}  \n", "{{- name -}} x", "x {{- name -}} y", "x  {{-  name  -}}\n\n y",
    "{{+ 5 }}", "{{-5}}", "{{ -5 }}", "a{# comment #}b", "a\n{# c #}\nb", "a\n  {# c #}\n  b", "a {#- c -#} b", "{#-#}x", "a{#+ c +#}\nb", "{# {{ x }} {% y %} #}", "{# open", "a {# b #} c #}",
    "{% if true %}\nx\n{% endif %}\ny", "  {% if true %}\n  x\n  {% endif %}\n  y\n", "a {% if true %} b {% endif %} c", "a\n\t{% if true %}\tb\n{% endif %}\tc", "a\n  {%+ if true %}b{% endif %}",
    "a\n  {% if true +%}\nb{% endif %}", "a\n\n  {%- if true -%}\n\n  b\n\n{%- endif -%}\n\nc", "{% if true %}\n\nx{% endif %}", "  {{ name }}\n{% if true %}  {% endif %}\n", "\u00a0{%- if true %}x{% endif -%}\u2003y",
    "{% raw %}{{ x }} {% if %}{% endraw %}", "a {%- raw -%}  {{ x }}  {%- endraw -%} b", "{% raw %}\n x\n{% endraw %}\ny", "a\n  {% raw %}b\n  {% endraw %}c", "{% raw %}open", "{%raw%}{%endraw%}",
    "{% if no %}a{% elif yes %}b{% else %}c{% endif %}", "{% if no %}a{% elif no %}b{% else %}c{% endif %}", "{% if no %}a{% endif %}", "{% if yes %}{% if no %}a{% else %}b{% endif %}{% endif %}", "{% if missing %}a{% else %}b{% endif %}",
    "{% if missing is defined and missing.x %}a{% endif %}", "{% if 1, 0 %}tuple{% endif %}", "{% if %}x{% endif %}", "{% if true %}", "{% endif %}", "{% if true %}{% endfor %}", "{% else %}", "{% elif true %}",
    "{% for x in numbers %}{{ x }},{% endfor %}", "{% for x in numbers %}{{ loop.index }}/{{ loop.length }} {{ loop.first }} {{ loop.last }} {{ loop.revindex }} {{ loop.revindex0 }} {{ loop.index0 }} {{ loop.depth }} {{ loop.depth0 }};{% endfor %}",
    "{% for x in numbers %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }};{% endfor %}", "{% for x in numbers %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }}{% endfor %}", "{% for x in [] %}a{% else %}empty{% endfor %}",
    "{% for x in numbers %}a{% else %}empty{% endfor %}", "{% for x in numbers if x > 1 %}{{ x }}{{ loop.index }}{{ loop.last }}{% endfor %}", "{% for x in numbers if x > 9 %}{{ x }}{% else %}none{% endfor %}", "{% for k, v in person.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k in person %}{{ k }} {% endfor %}", "{% for (a, b) in nestedlist %}{{ a }}-{{ b }} {% endfor %}", "{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "{% for a, b in numbers %}{% endfor %}", "{% for a, b in [[1]] %}{% endfor %}",
    "{% for c in 'añb' %}[{{ c }}]{% endfor %}", "{% for x in missing %}a{% else %}b{% endfor %}", "{% for x in 5 %}{% endfor %}", "{% for x in none %}{% endfor %}", "{% for x in numbers %}{% for y in numbers %}{{ x * y }}{% if not loop.last %},{% endif %}{% endfor %};{% endfor %}",
    "{% for x in numbers %}{% set outer = loop %}{% for y in words[:2] %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}", "{% for x in numbers %}{{ loop.cycle('a', 'b') }}{% endfor %}", "{% for x in [1, 1, 2, 2, 1] %}{% if loop.changed(x) %}{{ x }}{% endif %}{% endfor %}",
    "{% for x in range(10) %}{% if x == 3 %}{% continue %}{% endif %}{% if x > 5 %}{% break %}{% endif %}{{ x }}{% endfor %}", "{% for x in numbers %}{% break %}{% else %}b{% endfor %}", "{% for x in numbers %}{% continue %}{% else %}b{% endfor %}", "{% for x in numbers %}{% if x == 2 %}{% break %}{% endif %}{% else %}b{% endfor %}", "{% break %}", "{% continue %}", "{% for x in numbers %}{% for y in numbers %}{% break %}{% endfor %}{{ x }}{% endfor %}",
    "{% for x in numbers %}{% else %}{% break %}{% endfor %}", "{% for x in numbers %}{% set y = x %}{% endfor %}{{ y is defined }}", "{% set x = 1 %}{% for i in range(2) %}{{ x }}{% set x = 2 %}{{ x }}{% endfor %}{{ x }}", "{% for x in numbers %}{{ x }}{% endfor %}{{ x is defined }}",
    "{% for loop in numbers %}{{ loop }}{% endfor %}", "{% for x numbers %}{% endfor %}", "{% for x in %}{% endfor %}", "{% for in numbers %}{% endfor %}", "{% for x in numbers %}", "{% for 1 in numbers %}{% endfor %}", "{% for x.y in numbers %}{% endfor %}",
    "{% for x in numbers: %}{{ x }}{% endfor %}", "{% for x in [1, 2, 3] %}{{ loop }} {% endfor %}", "{% for x in 1, 2 %}{{ x }}{% endfor %}", "{% for x in numbers if x %}{{ x }}{% endfor %}", "{% for m in messages | selectattr('role', 'equalto', 'user') %}{{ loop.index }}{{ m.content }}{{ loop.last }}{% endfor %}",
    "{% set x = messages | selectattr('role', 'equalto', 'user') %}{% for m in x %}{{ m.content }}{% endfor %}-{% for m in x %}{{ m.content }}{% endfor %}", "{% set x = numbers | map('string') %}{{ x | length }}", "{% set x = numbers | map('string') %}{{ x[0] is defined }}{{ x | first }}{{ x | list }}",
    "{% for m in messages[1:] %}{{ m['role'] }}{% endfor %}", "{% for m in messages[::-1] %}{{ m['role'] }} {% endfor %}", "{% for m in messages | reverse %}{{ m.role }} {% endfor %}", "{% for i in range(messages | length) %}{{ i }}{{ messages[i].role }} {% endfor %}",
    "{% set x = 5 %}{{ x }}", "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a, b = [1] %}", "{% set (a, b) = (1, 2) %}{{ b }}", "{% set x = 1, 2 %}{{ x }}", "{% set x %}a{{ name }}b{% endset %}[{{ x }}]", "{% set x | upper | trim %} a {% endset %}[{{ x }}]", "{% set x %}{% set y = 1 %}{% endset %}{{ y is defined }}",
    "{% set ns = namespace(a=1) %}{% for x in numbers %}{% set ns.a = ns.a + x %}{% endfor %}{{ ns.a }}", "{% set ns = namespace() %}{% set ns.x = 'y' %}{{ ns.x }}{{ ns.z }}", "{% set ns = {} %}{% set ns.x = 1 %}", "{% set missing.x = 1 %}", "{% set ns = namespace(found=false) %}{% for m in messages %}{% if m.role == 'user' %}{% set ns.found = true %}{% endif %}{% endfor %}{{ ns.found }}",
    "{% set ns = namespace() %}{% set ns._x = 1 %}", "{% set ns = namespace(a=1) %}{% set ns.a, ns.b = 2, 3 %}{{ ns.a }}{{ ns.b }}", "{% set ns = namespace(x=[]) %}{% for i in numbers %}{% set ns.x = ns.x + [i] %}{% endfor %}{{ ns.x }}", "{% set ns = namespace(a=1) %}{{ ns['a'] }}{{ ns }}", "{% set true = 1 %}", "{% set 5 = 1 %}", "{% set x %}", "{% set x = %}", "{% set %}",
    "{% set messages = messages[1:] %}{{ messages | length }}", "{% if true %}{% set x = 1 %}{% endif %}{{ x }}", "{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}", "{% set range = 5 %}{{ range }}", "{% set x = x | default('d') %}{{ x }}",
    "{% macro m(a, b=2, c='x') %}{{ a }}{{ b }}{{ c }};{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(1, c=5) }}{{ m(a=9, b=8) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m() }}|{{ m(1, 2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=1) }}", "{% macro m(a, b=a) %}{{ b }}{% endmacro %}{{ m(1) }}", "{% macro m(a=1, b) %}{% endmacro %}",
    "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}", "{% macro m() %}{{ x }}{% endmacro %}{% set x = 5 %}{{ m() }}", "{% set x = 1 %}{% macro m() %}{% set x = 2 %}{{ x }}{% endmacro %}{{ m() }}{{ x }}", "{% macro m(n) %}{{ n }}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(5) }}", "{% macro m() %}a{% endmacro %}{{ m() | upper }}{{ m() + 'b' }}",
    "{% for x in numbers %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}", "{% macro m() %}{{ loop is defined }}{% endmacro %}{% for x in [1] %}{{ m() }}{% endfor %}", "{{ m() }}{% macro m() %}a{% endmacro %}", "{% macro m(a) -%}\n  {{ a }}\n{%- endmacro %}[{{ m('x') }}]", "{% macro m() %}{% endmacro %}{{ m }}{{ m.name }}", "{% macro m(x) %}{% for i in x %}{{ i }}{% if i == 2 %}{% break %}{% endif %}{% endfor %}{% endmacro %}{{ m([1, 2, 3]) }}",
    "{% macro wrap(t) %}<{{ t }}>{{ caller() }}</{{ t }}>{% endmacro %}{% call wrap('b') %}bold {{ name }}{% endcall %}", "{% macro each(xs) %}{% for x in xs %}{{ caller(x) }}{% endfor %}{% endmacro %}{% call(x) each(numbers) %}[{{ x }}]{% endcall %}", "{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}", "{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}", "{% macro m() %}{% endmacro %}{% call m() %}x{% endcall %}", "{% call 5 %}{% endcall %}",
    "{% macro m(x) %}{% if x is mapping %}{% for k, v in x | dictsort %}{{ k }}:{{ m(v) }};{% endfor %}{% elif x is iterable and x is not string %}[{% for v in x %}{{ m(v) }},{% endfor %}]{% else %}{{ x }}{% endif %}{% endmacro %}{{ m(nested) }}{{ m(person) }}",
    "{% filter upper %}a {{ name }}{% endfilter %}", "{% filter replace('a', 'b') | upper %}banana{% endfilter %}", "{% filter trim %}\n a \n{% endfilter %}|", "{% filter nope %}{% endfilter %}", "{% filter indent(2) %}a\nb{% endfilter %}", "{% filter upper %}{% set x = 1 %}{% endfilter %}{{ x is defined }}",
    "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}", "{% set a = 5 %}{% with a = 1, b = a %}{{ b }}{% endwith %}", "{% with %}{% set x = 1 %}{{ x }}{% endwith %}{{ x is defined }}", "{% print name, 5 %}", "{% generation %}a{{ name }}{% endgeneration %}", "x{% generation %}\na\n{% endgeneration %}\ny", "{% generation %}{% set x = 1 %}{% endgeneration %}{{ x is defined }}",
    "{% for x in numbers %}{% generation %}{{ x }}{{ loop.index }}{% endgeneration %}{% endfor %}", "{% for x in numbers %}{% generation %}{% break %}{% endgeneration %}{% endfor %}", "{% for x in numbers %}{% set y %}a{% break %}{% endset %}{{ y }}{% endfor %}z", "{% for x in numbers %}{% filter upper %}a{% continue %}{% endfilter %}b{% endfor %}z", "{% include 'x' %}", "{% import 'x' as y %}", "{% extends 'x' %}", "{% do 5 %}", "{% nope %}",
    "{% %}", "{{ }}", "{{", "{%", "{{ name", "{% if", "}} %} #}", "{ { name } }", "{{ '}}' }}", "{{ '%}' }}", "{% set x = '%}' %}{{ x }}", "{{ {'a': {'b': 1}} }}", "{{ {'a': {'b': 1}}.a.b }}", "{{ [1, [2]][1][0] }}", "{{ (1)) }}", "{{ [1) }}", "{{ name }}}", "{{{ name }}", "{{ 'a\nb' }}", "{{ name\n| upper\n}}",
    "{# a #}{# b #}", "{%- set x = 1 -%}\n{%- set y = 2 -%}\n{{ x }}{{ y }}", "{% set x = 1 %}\n{% set y = 2 %}\n{{ x }}\n", "   {%- if true %}  a  {%- endif %}   \n   b", "{% if true -%}\n a\n{%- else -%}\n b\n{%- endif %}\n", "a\n   {#- x #}\nb\n   {# y -#}\n  c", "{{ name }}\n\n\n", "{{ name }}\r\n", "\t{% if true %}\tx\t{% endif %}\t",
    "{% set j = joiner('-') %}{% for x in numbers %}{{ j() }}{{ x }}{% endfor %}", "{% set c = cycler('a', 'b', 'c') %}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.next() }}", "{% if no %}{{ name | nope }}{% endif %}ok", "{% if yes %}{{ name | nope }}{% endif %}", "{% if no %}{{ raise_exception('no') }}{% endif %}ok", "{% if yes %}{{ raise_exception('Roles must alternate ' ~ number) }}{% endif %}",
    "{% set f = person.get %}{{ f('name') }}", "{{ range(*[1, 4]) | list }}", "{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ m(*[1], **{'b': 2}) }}", "{{ dict(**{'a': 1}) }}", "{{ m(1, a=2, 3) }}", "{% set x = namespace(a=1, a=2) %}", "{% set a = [] %}{% set b = a + [1] %}{{ a }}{{ b }}", "{{ loop is defined }}{{ caller is defined }}", "{{ 'a' if x is defined else 'b' }}{% set x = 1 %}{{ 'a' if x is defined else 'b' }}",
    # What chat templates do.
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
    "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{{ message.content }}{% endfor %}",
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{{ content.strip() }}|{% endfor %}",
    "{%- set ns = namespace(last=-1) %}\n{%- for m in messages %}\n    {%- if m.role == 'user' %}\n        {%- set ns.last = loop.index0 %}\n    {%- endif %}\n{%- endfor %}\n{{- ns.last }}\n",
    "{%- for index in range(ns_last | default(2), -1, -1) %}\n    {{- index }}{{ messages[index].role }}\n{%- endfor %}", "{%- for tool in tools %}\n{{- '\\n' }}{{ tool | tojson }}\n{%- endfor %}", "{{- '<tools>\\n' }}{% for tool in tools %}{{ tool | tojson(indent=4) }}{{ '\\n' }}{% endfor %}",
    "{% for t in tools %}{% set f = t.function %}{{ f.name }}({% for k, v in f.parameters.properties.items() %}{{ k }}: {{ v.type | default('any') }}{{ ', ' if not loop.last }}{% endfor %}){% endfor %}",
    "{%- set loop_messages = messages %}{%- for message in loop_messages %}{%- set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' %}{%- if loop.index0 == 0 %}{%- set content = bos_token + content %}{%- endif %}{{- content }}{%- endfor %}",
]


def split_expressions(text):
    """The expressions between bars that have white space around them."""
    return [e.strip() for e in re.split(r"\s\|(?:\s|$)", text.replace("\n", " \n")) if e.strip()]


def rendered(source, variables):
    """A case: what the template gives, or that it is refused."""
    try:
        template = chat_template_utils._cached_compile_jinja_template(source)
        text = template.render(**variables)
    except Exception as error:  # Whatever it is: rendering has no result.
        return {"template": source, "error": f"{type(error).__name__}: {error}"}
    return {"template": source, "text": text}


TOOLS = [
    {"type": "function", "function": {
        "name": "get_weather", "description": "Tells the weather of a city, e.g. \"Köln\".",
        "parameters": {"type": "object", "properties": {
            "city": {"type": "string", "description": "The city"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "description": "The unit"},
            "days": {"type": "integer", "minimum": 1}}, "required": ["city"]}}},
    {"type": "function", "function": {
        "name": "add", "description": "Adds numbers.", "parameters": {"type": "object", "properties": {
            "values": {"type": "array", "items": {"type": "number"}}}, "required": ["values"]},
        "return": {"type": "number", "description": "The sum."}}},
]
DOCUMENTS = [{"title": "One", "text": "First <doc>."}, {"title": "Zwei é", "text": "Second\nline."}]


def turn(role, content=None, **more):
    return {"role": role, **({} if content is None else {"content": content}), **more}


def call(name, arguments, id="call_0abc1"):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


CHATS = [
    {"messages": [turn("user", "Hello")]},
    {"messages": [turn("user", "What is 2 + 3?"), turn("assistant", "5")]},
    {"messages": [turn("system", "You are brief."), turn("user", "Hi"), turn("assistant", "Hello.")]},
    {"messages": [turn("user", "One"), turn("assistant", "Two"), turn("user", "Three"), turn("assistant", "Four"),
                  turn("user", "Five")]},
    {"messages": [turn("system", "S\nT"), turn("user", "One"), turn("assistant", "Two"), turn("user", "Three"),
                  turn("assistant", "Four")]},
    {"messages": [turn("user", ""), turn("assistant", "")]},
    {"messages": [turn("user", "  spaces \n"), turn("assistant", "\n\n answer \n")]},
    {"messages": [turn("user", "日本語 👍🏽 é\u0301 \u200d"), turn("assistant", "はい ß")]},
    {"messages": [turn("user", "line one\n\nline two\r\n\tthree"), turn("assistant", "```python\nx = {'a': 1}\n```")]},
    {"messages": [turn("user", "{{ 7 * 7 }} {% if x %} {# c #}"), turn("assistant", "'\\\"'")]},
    {"messages": [turn("user", "Q1"), turn("assistant", "A1", reasoning_content="Think 1."), turn("user", "Q2"),
                  turn("assistant", "A2", reasoning_content="Think\n2.")]},
    {"messages": [turn("user", "Q1"), turn("assistant", "<think>\nThink 1.\n</think>\n\nA1"), turn("user", "Q2"),
                  turn("assistant", "<think>\nThink 2.\n</think>\n\nA2")]},
    {"messages": [turn("user", "Weather in Köln?")], "tools": TOOLS},
    {"messages": [turn("system", "Use tools."), turn("user", "Weather in Köln?"),
                  turn("assistant", "", tool_calls=[call("get_weather", {"city": "Köln", "days": 2})]),
                  turn("tool", "{\"temp\": 21.5}", name="get_weather", tool_call_id="call_0abc1"),
                  turn("assistant", "It is 21.5 degrees.")], "tools": TOOLS},
    {"messages": [turn("user", "Both?"),
                  turn("assistant", "I look.", tool_calls=[call("get_weather", {"city": "A\"B"}, "call_1aaa"),
                                                           call("add", {"values": [1, 2.5, True, None]}, "call_2bbb")]),
                  turn("tool", "sunny", name="get_weather", tool_call_id="call_1aaa"),
                  turn("tool", "3.5", name="add", tool_call_id="call_2bbb"),
                  turn("assistant", "Sunny, 3.5."), turn("user", "Thanks"), turn("assistant", "Welcome.")],
     "tools": TOOLS},
    {"messages": [turn("user", "Add"), turn("assistant", None, tool_calls=[call("add", {"values": []}, "123456789")])],
     "tools": TOOLS},
    {"messages": [turn("user", "Ask the documents."), turn("assistant", "They say so.")], "documents": DOCUMENTS},
    {"messages": [turn("user", [{"type": "text", "text": "Part one."}, {"type": "text", "text": " Part two."}]),
                  turn("assistant", [{"type": "text", "text": "Answer."}])]},
    {"messages": [turn("user", "No thinking."), turn("assistant", "Fine.")], "kwargs": {"enable_thinking": False}},
    {"messages": [turn("user", "Thinking."), turn("assistant", "Fine.")],
     "kwargs": {"enable_thinking": True, "date_string": "26 Jul 2024", "reasoning_effort": "low"}},
    {"messages": [turn("assistant", "I start."), turn("user", "And I?")]},
    {"messages": [turn("user", "One"), turn("user", "Two"), turn("assistant", "Three")]},
    {"messages": [turn("developer", "Be kind."), turn("user", "Hi"), turn("assistant", "Hello")]},
]
SPECIAL = re.compile(r"<\|[^|<>\s'\"{}]{1,40}\|>|<｜[^｜<>'\"{}]{1,40}｜>|</?s>|<(?:start|end)_of_(?:turn|image)>"
                     r"|\[/?(?:INST|TOOL_CALLS|AVAILABLE_TOOLS|TOOL_RESULTS|SYSTEM_PROMPT|TOOL_CONTENT|THINK|ARGS|CALL_ID|TOOLS|CALLS|RESULTS)\]"
                     r"|<(?:bos|eos|turn_begins|turn_ends)>|\[e~\[|\]~b\]|\]~!b\[")
ROLES = ["<|user|>", "<|assistant|>", "<|system|>", "<|tool|>", "<|developer|>", "<|model|>"]


def tokenizer_for(sources):
    """The small tokenizer of `tokenizer.py` with the special tokens that the templates write."""
    from tokenizers import AddedToken, Tokenizer
    tokenizer = Tokenizer.from_file(os.path.join(os.path.dirname(HERE), "tokenizer-small.json"))
    found = sorted({token for source in sources for token in SPECIAL.findall(source)} | set(ROLES)
                   | {"<|bos|>", "<|eos|>"})
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in found])
    return tokenizer


def fast(tokenizer):
    from transformers import PreTrainedTokenizerFast
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|bos|>", eos_token="<|eos|>")


def chat_rows(name, source, tokenizer):
    """What `apply_chat_template` gives for every conversation, with and without the generation prompt."""
    for index, chat in enumerate(CHATS):
        for prompt in (False, True):
            row = {"name": name, "chat": index, "prompt": prompt}
            given = dict(tools=chat.get("tools"), documents=chat.get("documents"), chat_template=source,
                         add_generation_prompt=prompt, **chat.get("kwargs", {}))
            try:
                row["text"] = tokenizer.apply_chat_template(chat["messages"], tokenize=False, **given)
                masked = re.search(r"\{%[-+]?\s*generation\b", source) is not None
                encoding = tokenizer.apply_chat_template(
                    chat["messages"], tokenize=True, return_dict=True, return_assistant_tokens_mask=masked, **given)
                row["ids"] = encoding["input_ids"]
                if masked:
                    row["mask"] = encoding["assistant_masks"]
            except Exception as error:
                row["error"] = f"{type(error).__name__}: {error}"
            yield row


def write(name, value):
    path = os.path.join(HERE, name)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=True, indent=0)
        file.write("\n")
    print(name, os.path.getsize(path), "bytes")


def fixtures(arguments):
    os.makedirs(HERE, exist_ok=True)
    sources = ["{{ " + e + " }}" for e in split_expressions(EXPRESSIONS)] + TEMPLATES
    cases = [rendered(source, VARIABLES) for source in dict.fromkeys(sources)]
    print(len(cases), "cases,", sum("error" in c for c in cases), "of them errors")
    write("language.json", {"variables": VARIABLES, "cases": cases})


def own_templates():
    """The templates of this repository: those that Motet brings along are tested by their names."""
    return {os.path.basename(path)[:-6]: open(path, encoding="utf-8").read()
            for path in sorted(glob.glob(os.path.join(HERE, "*.jinja")))}


def named_gguf():
    """A GGUF file that holds nothing but chat templates with names, and the tokens that they use."""
    import gguf
    writer = gguf.GGUFWriter(os.path.join(HERE, "named.gguf"), "llama")
    writer.add_token_list(["<unk>", "<s>", "</s>"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template([{"name": "default", "template": "{{ bos_token }}default"},
                              {"name": "tool_use", "template": "{{ eos_token }}tools"}])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def chats(arguments):
    templates = own_templates()
    tokenizer = tokenizer_for(templates.values())
    tokenizer.save(os.path.join(HERE, "tokenizer.json"), pretty=False)
    rows = [row for name, source in templates.items() for row in chat_rows(name, source, fast(tokenizer))]
    print(len(templates), "templates,", len(rows), "renderings,", sum("error" in r for r in rows), "of them errors")
    for row in rows:
        row.pop("error", None)
    named_gguf()
    write("chats.json", {"chats": CHATS, "rows": rows})


def full(arguments):
    paths = sorted(glob.glob(os.path.join(arguments.templates, "*.jinja")))
    sources = {os.path.basename(path)[:-6]: open(path, encoding="utf-8").read() for path in paths}
    tokenizer = tokenizer_for(sources.values())
    tokenizer.save(arguments.output + ".tokenizer.json", pretty=False)
    count = errors = 0
    with open(arguments.output, "w", encoding="utf-8") as file:
        file.write(json.dumps({"chats": CHATS, "sources": sources}) + "\n")
        for name, source in sources.items():
            for row in chat_rows(name, source, fast(tokenizer)):
                file.write(json.dumps(row) + "\n")
                count, errors = count + 1, errors + ("error" in row)
    print(len(sources), "templates,", count, "renderings,", errors, "of them errors")


parser = argparse.ArgumentParser()
commands = parser.add_subparsers(required=True)
command = commands.add_parser("fixtures")
command.set_defaults(run=fixtures)
command = commands.add_parser("chats")
command.set_defaults(run=chats)
command = commands.add_parser("full")
command.set_defaults(run=full)
command.add_argument("--templates", required=True)
command.add_argument("--output", required=True)
arguments = parser.parse_args()
arguments.run(arguments)
