import MotetFormats

/// The members of one step in `tokenizer.json`, taken out by name and type with an error that names the place.
struct StepFields {
  let file: String
  /// Where the step stands: `pre_tokenizer.pretokenizers[1]`.
  let path: String
  let members: [String: JSONValue]

  /// Fields that come from no file.
  init(_ members: [String: JSONValue] = [:], path: String = "", file: String = "") {
    self.members = members
    self.path = path
    self.file = file
  }

  /// The fields of the object `value`.
  init(_ value: JSONValue, path: String, file: String) throws {
    guard case .object(let members) = value else {
      throw TokenizerError.unreadable(file: file, reason: "'\(path)' is not an object")
    }
    self.init(members, path: path, file: file)
  }

  func malformed(_ name: String, _ problem: String) -> TokenizerError {
    .unreadable(file: file, reason: "'\(path.isEmpty ? name : "\(path).\(name)")' \(problem)")
  }

  func unsupported(_ what: String) -> TokenizerError {
    .unsupported(file: file, what: path.isEmpty ? what : "\(what) at '\(path)'")
  }

  /// A member that is there and not null, or nil.
  func present(_ name: String) -> JSONValue? {
    guard let value = members[name], value != .null else { return nil }
    return value
  }

  private func required(_ name: String) throws -> JSONValue {
    guard let value = present(name) else { throw malformed(name, "is missing") }
    return value
  }

  func string(_ name: String) throws -> String {
    guard let value = try required(name).stringValue else { throw malformed(name, "is not a string") }
    return value
  }

  /// A text that a step puts into others: a few characters.
  func insertion(_ name: String) throws -> String {
    let text = try string(name)
    guard text.utf8.count <= 1024 else {
      throw malformed(name, "has \(text.utf8.count) bytes, more than 1024")
    }
    return text
  }

  func optionalString(_ name: String) throws -> String? { present(name) == nil ? nil : try string(name) }

  func bool(_ name: String, or fallback: Bool? = nil) throws -> Bool {
    if let fallback, present(name) == nil { return fallback }
    guard let value = try required(name).boolValue else { throw malformed(name, "is neither true nor false") }
    return value
  }

  func optionalBool(_ name: String) throws -> Bool? { present(name) == nil ? nil : try bool(name) }

  /// A whole number that is not negative.
  func count(_ name: String, or fallback: Int? = nil) throws -> Int {
    if let fallback, present(name) == nil { return fallback }
    guard let value = try required(name).intValue, (0...Int(Int32.max)).contains(value) else {
      throw malformed(name, "is not a whole number of 0 or more")
    }
    return value
  }

  /// One character.
  func character(_ name: String) throws -> Unicode.Scalar {
    let scalars = try string(name).unicodeScalars
    guard scalars.count == 1, let scalar = scalars.first else {
      throw malformed(name, "is not one character")
    }
    return scalar
  }

  func array(_ name: String) throws -> [JSONValue] {
    guard case .array(let elements) = try required(name) else { throw malformed(name, "is not a list") }
    return elements
  }

  /// The fields of each element of a list of objects.
  func list(_ name: String) throws -> [StepFields] {
    let place = path.isEmpty ? name : "\(path).\(name)"
    return try array(name).enumerated().map { index, value in
      try StepFields(value, path: "\(place)[\(index)]", file: file)
    }
  }

  /// The fields of a member that is an object.
  func object(_ name: String) throws -> StepFields {
    try StepFields(try required(name), path: path.isEmpty ? name : "\(path).\(name)", file: file)
  }
}
