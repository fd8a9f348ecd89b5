import MotetFormats

/// The members of a JSON object in a request, read by name with errors that say which and why.
///
/// null stands for a field that is left out, as OpenAI's clients send it.
struct RequestFields: Sendable {
  let members: [String: JSONValue]
  /// Where the object stands: empty for the body itself, `stream_options.` for one inside.
  var prefix = ""

  subscript(_ name: String) -> JSONValue? {
    guard let value = members[name], value != .null else { return nil }
    return value
  }

  func path(_ name: String) -> String { prefix + name }

  func failure(_ name: String, _ problem: String) -> APIError {
    .invalid(path(name), "\"\(path(name))\" \(problem)")
  }

  func string(_ name: String) throws -> String? {
    guard let value = self[name] else { return nil }
    guard let text = value.stringValue else { throw failure(name, "must be a string") }
    return text
  }

  func required(_ name: String) throws -> String {
    guard let text = try string(name) else { throw failure(name, "is missing: give a string") }
    return text
  }

  func bool(_ name: String) throws -> Bool? {
    guard let value = self[name] else { return nil }
    guard let flag = value.boolValue else { throw failure(name, "must be true or false") }
    return flag
  }

  func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
    guard let value = self[name] else { return nil }
    guard let number = value.intValue else { throw failure(name, "must be a whole number") }
    // One beyond what a whole number holds was rounded to a double, to that of least value too.
    if case .double = value, number == .min { throw failure(name, "is below \(Int.min)") }
    guard range.contains(number) else {
      throw failure(name, "is \(number): give a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  func number(_ name: String, in range: ClosedRange<Double>) throws -> Float? {
    guard let value = self[name] else { return nil }
    guard let number = value.doubleValue, number.isFinite else { throw failure(name, "must be a number") }
    guard range.contains(number) else {
      throw failure(name, "is \(number): give a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return Float(number)
  }

  func object(_ name: String) throws -> RequestFields? {
    guard let value = self[name] else { return nil }
    guard case .object(let members) = value else { throw failure(name, "must be an object") }
    return RequestFields(members: members, prefix: path(name) + ".")
  }

  func array(_ name: String) throws -> [JSONValue]? {
    guard let value = self[name] else { return nil }
    guard case .array(let elements) = value else { throw failure(name, "must be a list") }
    return elements
  }

  /// A list of objects; each one's fields call it by its place: `messages[2].role`.
  func objects(_ name: String) throws -> [RequestFields]? {
    try array(name)?.enumerated().map { index, element in
      guard case .object(let members) = element else {
        throw failure("\(name)[\(index)]", "must be an object")
      }
      return RequestFields(members: members, prefix: path("\(name)[\(index)]."))
    }
  }

  /// Fields that clients send and that change nothing here are strings all the same.
  func checkUnused(_ names: [String]) throws {
    for name in names { _ = try string(name) }
  }

  /// Refuses fields that are known and not done, unless what they say is what happens anyway.
  func refuse(_ names: [String], harmless: [JSONValue] = []) throws {
    for name in names {
      guard let value = self[name], !value.isAbsent, !harmless.contains(value) else { continue }
      throw APIError.unsupported(path(name))
    }
  }
}

extension StringProtocol {
  /// Its beginning, for a message: so many scalars, for one character may have any number of them.
  func shown(_ most: Int) -> String { String(String.UnicodeScalarView(unicodeScalars.prefix(most))) }
}
