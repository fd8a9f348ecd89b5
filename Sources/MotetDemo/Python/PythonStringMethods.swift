import Foundation

/// Methods of strings.
/// Source: The Python Standard Library, "String Methods".
enum PythonStringMethods {
  /// nil when there is no such method.
  static func call(
    _ name: String, of text: String, _ arguments: [PythonValue], _ named: [String: PythonValue],
    _ interpreter: PythonInterpreter
  ) throws -> PythonValue? {
    if let flag = test(name, text) { return .bool(flag) }
    if let changed = change(name, text) { return .string(changed) }
    switch name {
    case "strip", "lstrip", "rstrip":
      return .string(
        strip(text, characters: try string(arguments, 0), left: name != "rstrip", right: name != "lstrip"))
    case "split", "rsplit": return .list(PythonList(try split(name, text, arguments, named)))
    case "splitlines":
      return .list(PythonList(text.split(whereSeparator: \.isNewline).map { .string(String($0)) }))
    case "join":
      let items = try interpreter.items(of: arguments.first ?? .none).map { item in
        guard case .string(let part) = item else { throw PythonError.runtime("join needs strings") }
        return part
      }
      return .string(items.joined(separator: text))
    case "replace":
      guard let old = try string(arguments, 0), let new = try string(arguments, 1) else {
        throw PythonError.runtime("replace needs two strings")
      }
      return .string(replace(text, old, new, limit: arguments.dropFirst(2).first?.asInt))
    case "startswith": return .bool(try parts(arguments).contains { text.hasPrefix($0) })
    case "endswith": return .bool(try parts(arguments).contains { text.hasSuffix($0) })
    case "find", "index", "rfind", "rindex", "count": return .int(try search(name, text, arguments))
    case "zfill": return .string(PythonFormat.pad(text, to: try width(arguments), fill: "0", align: "="))
    case "ljust", "rjust", "center":
      let align: Character = name == "ljust" ? "<" : name == "rjust" ? ">" : "^"
      let fill = try string(arguments, 1)?.first ?? " "
      return .string(PythonFormat.pad(text, to: try width(arguments), fill: fill, align: align))
    case "removeprefix", "removesuffix":
      guard let part = try string(arguments, 0) else { return nil }
      if name == "removeprefix" {
        return .string(text.hasPrefix(part) ? String(text.dropFirst(part.count)) : text)
      }
      return .string(text.hasSuffix(part) ? String(text.dropLast(part.count)) : text)
    case "partition":
      guard let mark = try string(arguments, 0), let found = text.range(of: mark) else {
        return .tuple([.string(text), .string(""), .string("")])
      }
      return .tuple(
        [
          .string(String(text[..<found.lowerBound])), .string(mark),
          .string(String(text[found.upperBound...])),
        ])
    case "format": return .string(try format(text, arguments, named, interpreter))
    default: return nil
    }
  }

  private static func test(_ name: String, _ text: String) -> Bool? {
    func every(_ test: (Character) -> Bool) -> Bool { !text.isEmpty && text.allSatisfy(test) }
    switch name {
    case "isdigit", "isnumeric", "isdecimal": return every { $0.isNumber }
    case "isalpha": return every { $0.isLetter }
    case "isalnum": return every { $0.isLetter || $0.isNumber }
    case "isspace": return every { $0.isWhitespace }
    case "isupper": return text.contains { $0.isUppercase } && !text.contains { $0.isLowercase }
    case "islower": return text.contains { $0.isLowercase } && !text.contains { $0.isUppercase }
    case "istitle": return !text.isEmpty && text == title(text)
    default: return nil
    }
  }

  private static func change(_ name: String, _ text: String) -> String? {
    switch name {
    case "upper": return text.uppercased()
    case "lower", "casefold": return text.lowercased()
    case "capitalize": return text.prefix(1).uppercased() + text.dropFirst().lowercased()
    case "title": return title(text)
    case "swapcase": return text.map { $0.isUppercase ? $0.lowercased() : $0.uppercased() }.joined()
    default: return nil
    }
  }

  private static func title(_ text: String) -> String {
    var result = ""
    var inside = false
    for c in text {
      result += inside ? c.lowercased() : c.uppercased()
      inside = c.isLetter
    }
    return result
  }

  private static func string(_ arguments: [PythonValue], _ place: Int) throws -> String? {
    guard place < arguments.count else { return nil }
    if case .none = arguments[place] { return nil }
    guard case .string(let text) = arguments[place] else {
      throw PythonError.runtime("expected a string, found \(arguments[place].typeName)")
    }
    return text
  }

  private static func width(_ arguments: [PythonValue]) throws -> Int {
    guard let width = arguments.first?.asInt else { throw PythonError.runtime("expected a width") }
    try PythonOperators.checkSize(width)
    return width
  }

  /// One string, or a tuple of them.
  private static func parts(_ arguments: [PythonValue]) throws -> [String] {
    if case .tuple(let items)? = arguments.first {
      return try items.indices.compactMap { try string(items, $0) }
    }
    guard let part = try string(arguments, 0) else { throw PythonError.runtime("expected a string") }
    return [part]
  }

  private static func strip(_ text: String, characters: String?, left: Bool, right: Bool) -> String {
    func goes(_ c: Character) -> Bool { characters.map { $0.contains(c) } ?? c.isWhitespace }
    var rest = text[...]
    while left, let c = rest.first, goes(c) { rest.removeFirst() }
    while right, let c = rest.last, goes(c) { rest.removeLast() }
    return String(rest)
  }

  private static func split(
    _ name: String, _ text: String, _ arguments: [PythonValue], _ named: [String: PythonValue]
  ) throws -> [PythonValue] {
    let limit = (arguments.dropFirst().first ?? named["maxsplit"])?.asInt ?? -1
    guard let mark = try string(arguments.isEmpty ? [named["sep"] ?? .none] : arguments, 0) else {
      return text.split(maxSplits: limit < 0 ? Int.max : limit, whereSeparator: \.isWhitespace).map {
        .string(String($0))
      }
    }
    guard !mark.isEmpty else { throw PythonError.runtime("empty separator") }
    var pieces = text.components(separatedBy: mark)
    if limit >= 0, pieces.count > limit + 1 {
      if name == "rsplit" {
        let head = pieces.dropLast(limit).joined(separator: mark)
        pieces = [head] + pieces.suffix(limit)
      } else {
        pieces = pieces.prefix(limit) + [pieces.dropFirst(limit).joined(separator: mark)]
      }
    }
    return pieces.map { .string($0) }
  }

  private static func replace(_ text: String, _ old: String, _ new: String, limit: Int?) -> String {
    if old.isEmpty { return text }
    let pieces = text.components(separatedBy: old)
    guard let limit, limit >= 0, pieces.count > limit + 1 else { return pieces.joined(separator: new) }
    return pieces.prefix(limit + 1).joined(separator: new) + old
      + pieces.dropFirst(limit + 1).joined(separator: old)
  }

  private static func search(_ name: String, _ text: String, _ arguments: [PythonValue]) throws -> Int {
    guard let part = try string(arguments, 0) else { throw PythonError.runtime("expected a string") }
    if name == "count" {
      return part.isEmpty ? text.count + 1 : text.components(separatedBy: part).count - 1
    }
    let start = min(max(0, arguments.dropFirst().first?.asInt ?? 0), text.count)
    let from = text.index(text.startIndex, offsetBy: start)
    let options: String.CompareOptions = name.hasPrefix("r") ? .backwards : []
    guard let found = text.range(of: part, options: options, range: from..<text.endIndex) else {
      if name.hasSuffix("index") { throw PythonError.runtime("substring not found") }
      return -1
    }
    return text.distance(from: text.startIndex, to: found.lowerBound)
  }

  /// `"{} and {1:>3} and {name}".format(…)`: each field is read as an f-string's.
  private static func format(
    _ text: String, _ arguments: [PythonValue], _ named: [String: PythonValue],
    _ interpreter: PythonInterpreter
  ) throws -> String {
    let numbered = try NSRegularExpression(pattern: #"\{(\d*)([:!}])"#)
    var next = -1
    var result = ""
    var last = text.startIndex
    for match in numbered.matches(in: text, range: NSRange(text.startIndex..., in: text)) {
      guard let whole = Range(match.range, in: text), let digits = Range(match.range(at: 1), in: text),
        let end = Range(match.range(at: 2), in: text)
      else { continue }
      next += 1
      result +=
        text[last..<whole.lowerBound]
        + "{argument_\(text[digits].isEmpty ? String(next) : String(text[digits]))"
      result += text[end]
      last = whole.upperBound
    }
    result += text[last...]
    let scope = PythonScope(outer: nil)
    for (place, value) in arguments.enumerated() { scope.names["argument_\(place)"] = value }
    for (name, value) in named { scope.names[name] = value }
    let formatted = try interpreter.value(.formatted(try PythonFormattedString.pieces(result)), scope)
    return PythonFormat.string(formatted)
  }
}
