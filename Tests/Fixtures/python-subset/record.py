"""Records what real Python makes of the expressions and programs that the interpreter's tests run.

Run: python3 record.py  (any Python from 3.10 on; writes expected.json beside this file)
"""
import json
import pathlib

EXPRESSIONS = r"""
1 + 2 * 3 - 4
7 // 2
-7 // 2
-7 % 3
7 % -3
-7.5 // 2
2 ** 10
2 ** -1
-2 ** 2
7 / 2
10 / 5
1 < 2 < 3
1 < 3 < 2
3 > 2 == 2
not 1 == 2
1 and 0 or 5
[] or 'x'
'a' in 'cat'
'b' not in 'cat'
3 in [1, 2, 3]
3 in range(0, 10, 2)
4 in {4: 1}
True + True
1 == 1.0
[1, 2] == [1, 2]
(1, 2) < (1, 3)
'abc' < 'abd'
'B' < 'a'
5 & 3 | 8 ^ 1
1 << 4
~5
[1, 2, 3][0]
[1, 2, 3][-1]
[1, 2, 3, 4][1:3]
[1, 2, 3, 4][::-1]
[1, 2, 3, 4][-2:]
[1, 2, 3, 4][:-1]
[1, 2, 3, 4][3:0:-2]
'hello'[1:]
'hello'[::-1]
'hello'[::2]
'hello'[10:]
(1, 2, 3)[1:]
{'a': 1, 'b': 2}['b']
[n * n for n in range(5)]
[n for n in range(20) if n % 2 == 0 if n > 5]
[(a, b) for a in range(3) for b in range(a)]
{w: len(w) for w in ['x', 'yy']}
sorted({3, 1, 2, 3})
sum(n for n in [1, 2, 3])
sum([0.5, 0.25])
sum([[1], [2]], [])
max([3, 9, 2])
max(3, 9, 2)
min('hello')
max(['aa', 'b', 'cccc'], key=len)
min([], default=0)
sorted([3, 1, 2])
sorted([3, 1, 2], reverse=True)
sorted(['bb', 'a', 'ccc'], key=lambda w: -len(w))
sorted('hello')
list(reversed([1, 2, 3]))
list(range(5))
list(range(2, 10, 3))
list(range(5, 0, -2))
len(range(0, 10, 3))
abs(-3)
abs(-2.5)
str(12)
str(1.0)
str([1, 'a', 2.5, None, True])
str((1,))
str({'a': [1]})
int('42')
int(3.9)
int(-3.9)
int('ff', 16)
float('2.5')
bool([])
list('abc')
tuple([1, 2])
dict([('a', 1), ('b', 2)])
dict(a=1)
any([0, 1])
all([])
list(enumerate(['a', 'b']))
list(enumerate(['a', 'b'], 1))
list(zip([1, 2, 3], 'ab'))
list(map(lambda n: n + 1, [1, 2]))
list(map(str, [1, 2]))
list(map(str.upper, ['a']))
list(filter(lambda n: n > 1, [1, 2]))
list(filter(None, [0, 1, '', 'x']))
isinstance(1, int)
isinstance('a', (int, str))
isinstance(True, int)
isinstance(1.0, int)
type(1) == int
round(2.5)
round(3.5)
round(2.567, 2)
round(7, 1)
ord('a')
chr(98)
pow(2, 5)
divmod(17, 5)
divmod(-17, 5)
'Hello World'.upper()
'Hello World'.lower()
'hello wORLD'.title()
'hello World'.capitalize()
'Hello'.swapcase()
'  x '.strip()
'xxaxx'.strip('x')
'xxaxx'.lstrip('x')
'a b  c'.split()
'a,b,,c'.split(',')
'a,b,c'.split(',', 1)
'a,b,c'.rsplit(',', 1)
'-'.join(['a', 'b'])
'banana'.replace('a', 'o')
'banana'.replace('a', 'o', 2)
'banana'.count('an')
'banana'.find('n')
'banana'.find('x')
'banana'.rfind('n')
'banana'.index('nan')
'banana'.startswith('ba')
'banana'.endswith(('x', 'na'))
'12'.isdigit()
''.isdigit()
'a1'.isalnum()
'ab'.isalpha()
'AB1'.isupper()
'ab c'.islower()
' '.isspace()
'7'.zfill(3)
'-7'.zfill(4)
'a'.ljust(3) + '|'
'a'.rjust(3, '*')
'a'.center(4, '-')
'a-b-c'.partition('-')
'{} and {}'.format(1, 'x')
'{1}{0:>3}'.format(1, 'x')
'{a}'.format(a=5)
'%d of %s' % (3, 'x')
'%.2f' % 1.5
f'{1 + 1} {"x"!r} {3.14159:.2f} {5:>4}|{5:<4}|{5:^5}|{1234567:,}'
f'{{x}} {[n for n in (1, 2)]}'
f'{7:03d} {0.25:.0%} {255:x} {5:b}'
'a' 'b'
'ab' * 3
[0] * 3
[1] + [2]
(1,) + (2,)
'x' if 1 > 2 else 'y'
(lambda a, b=2: a + b)(1)
(lambda *a: len(a))(1, 2, 3)
[*range(3), 9]
{1, 2} | {2, 3} == {1, 2, 3}
sorted({1, 2} & {2, 3})
sorted({1, 2} - {2, 3})
[1, 2, 2].count(2)
[1, 2, 3].index(3)
{'a': 1}.get('a')
{'a': 1}.get('b', 0)
list({'a': 1, 'b': 2}.items())
list({'a': 1}.keys()) + list({'a': 1}.values())
None is None
1 is not None
-3 ** 2 + +1
1_000 + 0
1e3
.5 + 2.
'it\'s' + "\n\t"
"""

PROGRAMS = [
    ("def f(n):\n    total = 0\n    for i in range(n):\n        if i % 2:\n            continue\n        total += i\n    return total", "[10]"),
    ("def f(n):\n    if n < 2:\n        return n\n    return f(n - 1) + f(n - 2)", "[10]"),
    ("def f(words):\n    counts = {}\n    for w in words:\n        counts[w] = counts.get(w, 0) + 1\n    return counts", "[['a', 'b', 'a']]"),
    ("def f(n):\n    out = []\n    while True:\n        out.append(n)\n        n -= 1\n        if n == 0:\n            break\n    else:\n        out.append('never')\n    return out", "[3]"),
    ("def f(xs):\n    for x in xs:\n        if x > 9:\n            break\n    else:\n        return 'none'\n    return x", "[[1, 2]]"),
    ("def f(a, b):\n    a, b = b, a % b\n    first, *rest = [a, b, 3]\n    return first, rest", "[10, 4]"),
    ("def f(xs):\n    xs[0] = 9\n    xs[1] += 1\n    del xs[2]\n    xs.insert(1, 'i')\n    xs.extend([5])\n    return xs, xs.pop(), len(xs)", "[[1, 2, 3, 4]]"),
    ("def f(n):\n    # a comment\n    '''Doc.'''\n    try:\n        return 1 // n\n    except ZeroDivisionError as e:\n        return 'zero'\n    finally:\n        n = 1", "[0]"),
    ("from typing import List\n\ndef f(numbers: List[int], k: int = 2) -> int:\n    def inner(x):\n        return x * k\n    return sum(inner(n) for n in numbers)", "[[1, 2, 3]]"),
    ("import math\n\ndef f(n):\n    return math.sqrt(n), math.floor(2.5), math.gcd(12, 18)", "[16]"),
    ("def f(s):\n    vowels = 'aeiou'\n    return ''.join(\n        c for c in s\n        if c not in vowels\n    )", "['education']"),
    ("def f(xs):\n    xs.sort(key=lambda p: (p[1], p[0]), reverse=True)\n    xs.reverse()\n    return xs", "[[(1, 'b'), (2, 'a'), (3, 'b')]]"),
    ("def f(n):\n    result = 1\n    while n > 1: result *= n; n -= 1\n    return result", "[6]"),
    ("def f(x):\n    if x > 0: return 'p'\n    elif x < 0: return 'n'\n    else: return 'z'", "[-4]"),
    ("def f(xs):\n    if (n := len(xs)) > 2:\n        return n\n    pass", "[[1, 2]]"),
    ("def f(grid):\n    return [[row[i] for row in grid] for i in range(len(grid[0]))]", "[[[1, 2], [3, 4]]]"),
    ("def f(xs):\n    seen = set()\n    out = []\n    for x in xs:\n        if x not in seen:\n            seen.add(x)\n            out.append(x)\n    return out", "[[3, 1, 3, 2, 1]]"),
    ("from functools import reduce\nf = lambda xs: reduce(lambda a, b: a * b, xs, 1)", "[[2, 3, 4]]"),
]

expressions = [line for line in EXPRESSIONS.strip("\n").split("\n")]
recorded = {
    "expressions": [{"source": e, "repr": repr(eval(e))} for e in expressions],
    "programs": [],
}
for source, arguments in PROGRAMS:
    space = {}
    exec(source, space)
    recorded["programs"].append(
        {"source": source, "arguments": arguments, "repr": repr(space["f"](*eval(arguments)))})
path = pathlib.Path(__file__).with_name("expected.json")
path.write_text(json.dumps(recorded, indent=1) + "\n")
