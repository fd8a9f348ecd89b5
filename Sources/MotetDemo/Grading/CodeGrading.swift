import Foundation

/// Finds the Python in an answer, runs it, and compares its results.
enum CodeGrading {
  /// True when one of the functions defined gives the expected result on every case. The function's name
  /// does not matter; a list and a tuple, 4 and 4.0 are the same result.
  static func accepts(_ generated: String, cases: [CodeCase]) -> Bool {
    guard !cases.isEmpty, let program = program(in: generated) else { return false }
    let interpreter = PythonInterpreter()
    interpreter.load(program)
    return interpreter.functions.values.contains { function in
      cases.allSatisfy { test in
        interpreter.restart()
        guard let argument = try? interpreter.evaluate(test.argument),
          let expected = try? interpreter.evaluate(test.expected),
          let result = try? interpreter.call(function, [argument])
        else { return false }
        return same(result, expected, interpreter)
      }
    }
  }

  private static func same(_ result: PythonValue, _ expected: PythonValue, _ interpreter: PythonInterpreter)
    -> Bool
  {
    switch (result, expected) {
    case (.tuple, .list), (.iterator, .list), (.range, .list), (.list, .list):
      guard let items = try? interpreter.items(of: result), let wanted = try? interpreter.items(of: expected)
      else { return false }
      return items.count == wanted.count && zip(items, wanted).allSatisfy { $0.equals($1) }
    default:
      if let a = result.asDouble, let b = expected.asDouble { return abs(a - b) <= 1e-9 * max(1, abs(b)) }
      return result.equals(expected)
    }
  }

  /// Parses the code; an end that was cut off is dropped line by line.
  private static func program(in generated: String) -> [PythonStatement]? {
    var lines = source(in: generated).split(separator: "\n", omittingEmptySubsequences: false)
    for _ in 0..<30 {
      if let program = try? PythonParser.program(lines.joined(separator: "\n")), !program.isEmpty {
        return program
      }
      guard lines.popLast() != nil else { return nil }
    }
    return nil
  }

  /// All fenced blocks that define something or else the text from the first `def` on, without prose.
  static func source(in generated: String) -> String {
    let parts = generated.components(separatedBy: "```")
    if parts.count > 1 {
      let blocks = stride(from: 1, to: parts.count, by: 2).map { place -> String in
        let block = parts[place]
        let lines = block.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
        let isLabel = lines.count > 1 && !lines[0].contains(" ") && !lines[0].contains("(")
        return isLabel ? String(lines[1]) : block
      }
      // A second block is often an example or another try; each is parsed apart when it defines something.
      if let first = blocks.first(where: { $0.contains("def ") || $0.contains("lambda") }) { return first }
    }
    var kept: [Substring] = []
    for line in generated.split(separator: "\n", omittingEmptySubsequences: false) {
      let isCode = line.hasPrefix("def ") || line.hasPrefix("import ") || line.hasPrefix("from ")
      let continues = line.isEmpty || line.hasPrefix(" ") || line.hasPrefix("\t") || line.hasPrefix("#")
      if isCode || (continues && !kept.isEmpty) {
        kept.append(line)
      } else if kept.contains(where: { $0.hasPrefix("def ") }) {
        break
      }
    }
    return kept.joined(separator: "\n")
  }
}
