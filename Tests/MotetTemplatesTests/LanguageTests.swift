import Foundation
import MotetFormats
import MotetTemplates
import Testing

/// What `Tests/Fixtures/templates.py` rendered with jinja2, as `transformers` sets it up.
struct LanguageFixture {
  struct Case {
    let template: String
    /// nil: jinja2 refuses the template.
    let text: String?
  }

  let variables: [String: TemplateValue]
  let cases: [Case]
  /// The time that `strftime_now` told, in the zone of this machine.
  static let now = Calendar(identifier: .gregorian).date(
    from: DateComponents(year: 2026, month: 2, day: 3, hour: 4, minute: 5, second: 6, nanosecond: 7000))

  init() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Fixtures/templates/language.json")
    let json = try Data(contentsOf: file).withUnsafeBytes { bytes throws(JSONTextError) in
      try WrittenJSON(parsing: bytes, named: file.path)
    }
    var variables: [String: TemplateValue] = [:]
    if case .object(let members)? = json["variables"] {
      for member in members { variables[member.name] = try TemplateValue(member.value) }
    }
    self.variables = variables
    guard case .array(let rows)? = json["cases"] else {
      cases = []
      return
    }
    cases = rows.compactMap { row in
      guard case .string(let template)? = row["template"] else { return nil }
      if case .string(let text)? = row["text"] { return Case(template: template, text: text) }
      return Case(template: template, text: nil)
    }
  }
}

@Suite struct LanguageTests {
  @Test func templatesGiveTheTextOfJinja2() throws {
    let fixture = try LanguageFixture()
    let now = try #require(LanguageFixture.now)
    try #require(fixture.cases.count > 900)
    for row in fixture.cases {
      let result = Result { try Template(row.template).render(fixture.variables, now: now).string }
      switch (result, row.text) {
      case (.success(let text), let expected?):
        #expect(text.utf8.elementsEqual(expected.utf8), "\(row.template): \(text) is not \(expected)")
      case (.success(let text), nil): Issue.record("\(row.template) is refused by jinja2 and gives \(text)")
      case (.failure(let error), let expected?):
        Issue.record("\(row.template): \(error); expected \(expected)")
      case (.failure(let error), nil): #expect(error is TemplateError, "\(row.template): \(error)")
      }
    }
  }
}
