import Testing

@testable import MotetFormats

@Suite struct JSONTextTests {
  @Test func aPartIsGivenAsItWasWritten() throws {
    let text = JSONText(Array(#"{"a": {"z": 1, "b": [ {"y": 2} ] }, "c": 3}"#.utf8), name: "it")
    #expect(try text.text(at: ["a"]) == #"{"z": 1, "b": [ {"y": 2} ] }"#)
    #expect(try text.text(at: ["a", "b"]) == #"[ {"y": 2} ]"#)
    #expect(try text.text(at: ["c"]) == "3")
    #expect(try text.text(at: ["a", "x"]) == nil)
    #expect(try text.text(at: ["c", "x"]) == nil)
  }

  @Test(arguments: [
    ("{", "byte 1"), (#"{"a": 1, "a": 2}"#, "twice"), ("[1] 2", "after the end"), (#"{"a": tru}"#, "byte 6"),
  ])
  func whatIsWrongIsPlaced(text: String, word: String) {
    let error = #expect(throws: JSONTextError.self) {
      try JSONText(Array(text.utf8), name: "the body").value()
    }
    #expect(error?.description.hasPrefix("the body is not JSON") == true)
    #expect(error?.description.contains(word) == true)
  }

  @Test func bytesThatAreNoTextAreRefused() {
    #expect(throws: JSONTextError.self) { try JSONText([0x22, 0xFF, 0x22], name: "it").value() }
    #expect(throws: JSONTextError.self) { try JSONText([], name: "it").value() }
  }
}
