import Foundation
import Testing

@testable import MotetDemo

/// What real Python made of each source; recorded by `Tests/Fixtures/python-subset/record.py`.
private struct Recorded: Decodable {
  struct Expression: Decodable {
    var source: String
    var repr: String
  }
  struct Program: Decodable {
    var source: String
    var arguments: String
    var repr: String
  }
  var expressions: [Expression]
  var programs: [Program]

  static func load() throws -> Recorded {
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Fixtures/python-subset/expected.json")
    return try JSONDecoder().decode(Recorded.self, from: Data(contentsOf: file))
  }
}

@Suite struct PythonInterpreterTests {
  @Test func expressionsHaveTheValuesOfRealPython() throws {
    let expressions = try Recorded.load().expressions
    #expect(expressions.count > 150)
    for expression in expressions {
      let result = try? PythonFormat.repr(PythonInterpreter().evaluate(expression.source))
      #expect(result == expression.repr, "\(expression.source)")
    }
  }

  @Test func programsReturnWhatRealPythonReturns() throws {
    let programs = try Recorded.load().programs
    #expect(programs.count > 15)
    for program in programs {
      let interpreter = PythonInterpreter()
      interpreter.load(try PythonParser.program(program.source))
      let function = try #require(interpreter.functions["f"], "\(program.source)")
      let arguments = try interpreter.items(of: interpreter.evaluate(program.arguments))
      let result = try? PythonFormat.repr(interpreter.call(function, arguments))
      #expect(result == program.repr, "\(program.source)")
    }
  }

  /// Each of these ends with an error: in time, without a crash, without filling memory.
  @Test(arguments: [
    "while True: pass", "return f(n)", "return [0] * 10 ** 12", "return 'x' * 10 ** 12",
    "return list(range(10 ** 11))", "return 9 ** 9 ** 9", "return 1 << 1000", "return n // 0", "return n[3]",
    "return [1][5]", "return {}['a']", "return unknown", "return 'a' + 1", "return 9223372036854775807 + 1",
    "return int('x')", "return (1).upper()", "x += 1", "a, b = [1]", "return open('file')",
    "raise ValueError('no')", "return 'abc'.index('z')", "return max([])", "return [][::0]",
    "return sum(['a'])",
    "return len(range(10 ** 13))", "return ''.join([1])", "return '%d' % 'x'", "return 'a'.zfill(10 ** 9)",
    "return abs(-9223372036854775807 - 1)", "return 10 ** 400 * 1.0", "return round(10.0 ** 300)",
    "a = []; a.append(a); return a < [a]", "a = []; a.append(a); return {(1, a): 2}",
    "return list(enumerate([1], 9223372036854775807))", "return (-9223372036854775807 - 1) ** 2",
  ])
  func badProgramsEndInAnError(body: String) throws {
    let interpreter = PythonInterpreter(stepLimit: 20_000)
    interpreter.load(try PythonParser.program("def f(n):\n    \(body)"))
    let function = try #require(interpreter.functions["f"])
    #expect(throws: PythonError.self) { try interpreter.call(function, [.int(1)]) }
  }

  @Test func aListThatHoldsItselfDoesNoHarm() throws {
    let interpreter = PythonInterpreter()
    interpreter.load(try PythonParser.program("a = []\na.append(a)\nb = [a]\nc = a == b\nd = len(str(a))"))
    #expect(interpreter.globals.find("c").map { PythonFormat.repr($0) } == "False")
    #expect(interpreter.globals.find("d") != nil)
  }

  @Test(arguments: [
    "def", "def f(", "def f():\nreturn 1", "x = = 1", "'open", "f'{'", "f'{}'", "1 +", "for x in", "if",
    "a b",
    "class A: pass", "lambda", "[1, 2", "def f(x):\n    return 1\n  return 2", "(((", "@", "else: 1",
    "import",
    String(repeating: "(", count: 10_000), String(repeating: "not ", count: 10_000),
    String(repeating: "-", count: 10_000) + "1", "\u{0}", "x ? y",
  ])
  func brokenSourceIsASyntaxError(source: String) {
    #expect(throws: PythonError.self) { try PythonParser.program(source) }
  }
}
