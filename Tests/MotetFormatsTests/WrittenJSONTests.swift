import Testing

@testable import MotetFormats

@Suite struct WrittenJSONTests {
  private func parsed(_ text: String) throws -> WrittenJSON {
    try Array(text.utf8).withUnsafeBytes { try WrittenJSON(parsing: $0, named: "row") }
  }

  @Test func numbersStayAsTheyAreWrittenAndMembersInTheirOrder() throws {
    #expect(
      try parsed(
        #"{"b": [1.50, -0, 12345678901234567890, 1e3], "a": {"x": null, "y": true}, "é": "\u00e9\ud83d\ude00"}"#
      )
        == .object([
          .init(
            name: "b",
            value: .array([.number("1.50"), .number("-0"), .number("12345678901234567890"), .number("1e3")])),
          .init(
            name: "a", value: .object([.init(name: "x", value: .null), .init(name: "y", value: .bool(true))])),
          .init(name: "é", value: .string("é😀")),
        ]))
  }

  @Test(arguments: [
    ("", "the text ends too early"), ("hello", "a value was expected"), ("nul", "a value was expected"),
    ("{} {}", "there is something after the end"), (#"{"a": 1, "a": 2}"#, "the name 'a' stands twice"),
    (#""\ud83d x""#, "a string holds half a surrogate pair"), ("NaN", "a value was expected"),
    ("1.", "a number was expected"),
    ("\"a\u{1}\"", "a string holds a control character"), ("[1,]", "a value was expected"),
    (String(repeating: "[", count: 65), "it nests more than 64 deep"),
  ])
  func whatIsWrongIsSaid(text: String, problem: String) {
    let error = #expect(throws: JSONTextError.self) { try parsed(text) }
    #expect(error?.problem == problem)
  }
}
