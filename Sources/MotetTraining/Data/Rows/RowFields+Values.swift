import MotetFormats

extension RowFields {
  /// A text, a number as it is written, true or false, or a text in parts.
  func text(_ name: String) throws -> String {
    guard let value = byName[name] else { throw failure("\"\(name)\" is missing") }
    guard let text = try RowTurns.text(value, in: self, name: "\"\(name)\"") else {
      throw failure("\"\(name)\" is not text")
    }
    return text
  }

  /// The texts of a list that holds nothing else.
  static func texts(_ list: [WrittenJSON]) -> [String]? {
    let texts = list.compactMap { value -> String? in
      switch value {
      case .string(let text), .number(let text): text
      default: nil
      }
    }
    return texts.count == list.count ? texts : nil
  }

  static func isEmpty(_ value: WrittenJSON) -> Bool {
    switch value {
    case .null: true
    case .string(let text): text.allSatisfy(\.isWhitespace) || text == "[]" || text == "{}"
    case .array(let list): list.isEmpty
    case .object(let members): members.isEmpty
    default: false
    }
  }

  var label: String? { value(columns[.label] ?? "label") }

  var group: String? { reading.groupField.flatMap { value($0) } }

  private func value(_ name: String) -> String? {
    switch byName[name] {
    case .array(let list)?: list.isEmpty ? nil : Self.texts(list)?.first
    case .some: try? text(name)
    case nil: nil
    }
  }

  mutating func mix() throws -> String? {
    guard reading.isForPrompts, let value = byName["mix"] else { return nil }
    used.insert("mix")
    guard case .string(let mix) = value else { throw failure("\"mix\" is not text") }
    return mix.isEmpty ? nil : mix
  }

  /// Members with a value that nothing was made of.
  var unused: [ParsedRow.UnusedField] {
    members.filter { !used.contains($0.name) && $0.name != reading.groupField && !Self.isEmpty($0.value) }
      .map { member in
        var isText = false
        if case .string(let text) = member.value { isText = text.contains(where: \.isLetter) }
        return ParsedRow.UnusedField(name: member.name, isText: isText)
      }
  }
}
