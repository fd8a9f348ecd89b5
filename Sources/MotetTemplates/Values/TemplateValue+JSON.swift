import MotetFormats

extension TemplateValue {
  /// Reads a JSON text; its strings count as content of `origin`.
  ///
  ///     let tools = try TemplateValue(json: #"[{"type": "function", "function": {"name": "add"}}]"#)
  ///
  /// - Parameter name: what errors call the text
  /// - Throws: `JSONTextError` with the byte at which it stops being JSON
  public init(
    json text: String, named name: String = "the JSON", from origin: TemplateText.Origin = .content
  ) throws {
    let tree = try Array(text.utf8).withUnsafeBytes { bytes throws(JSONTextError) in
      try WrittenJSON(parsing: bytes, named: name)
    }
    try self.init(tree, from: origin)
  }

  /// - Throws: ``TemplateProblem`` when it is nested too deeply
  package init(_ json: WrittenJSON, from origin: TemplateText.Origin = .content) throws {
    switch json {
    case .null: self = .null
    case .bool(let bool): self = .bool(bool)
    case .string(let string): self = .string(string, from: origin)
    case .number(let number):
      if let integer = Int(number) {
        self = .int(integer)
      } else if number.utf8.allSatisfy({ $0 == UInt8(ascii: "-") || (0x30...0x39).contains($0) }) {
        self = .largeInteger(number)
      } else {
        self = .float(Double(number) ?? .nan)
      }
    case .array(let elements): self = try .array(elements.map { try TemplateValue($0, from: origin) })
    case .object(let members):
      self = try .mapping(members.map { ($0.name, try TemplateValue($0.value, from: origin)) }, names: origin)
    }
  }
}
