import Foundation
import MotetModels
import Testing

struct HubNameTests {
  @Test(arguments: [
    ("org/name", "org/name", nil), ("org/name@v1.0", "org/name", "v1.0"),
    ("org/name@refs/pr/1", "org/name", "refs/pr/1"),
    ("https://huggingface.co/org/Name-1.5B", "org/Name-1.5B", nil),
    ("https://huggingface.co/org/name/", "org/name", nil),
    ("https://huggingface.co/org/name/tree/main?not=1", "org/name", "main"),
    ("https://huggingface.co/org/name/tree/refs%2Fpr%2F1", "org/name", "refs/pr/1"),
  ])
  func readsNamesAndAddresses(_ text: String, _ repository: String, _ revision: String?) throws {
    let name = try HubName(parsing: text)
    #expect(name.repository == repository)
    #expect(name.revision == revision)
  }

  @Test(arguments: [
    "", "name", "/", "a/b/c", "../etc", "org/..", "org/.git", "org/na me", "org/name@", "org/name@../../x",
    "org/name@/x", "org/name@x//y", "org/name@a..b", "org\\name/x", "org/na\u{0}me", "org--x/name",
    "ørg/name",
    "./out/x", "/abs/path", "org/name@x.lock", "org/name@\n", "https://huggingface.co/org",
  ])
  func refusesWhatIsNoName(_ text: String) {
    #expect(throws: HubNameError.self) { try HubName(parsing: text) }
  }

  @Test func tellsWhatAnAddressOfOneFileAsksFor() {
    #expect(
      throws: HubNameError.file(repository: "org/name", file: "Q4/x.gguf")
    ) { try HubName(parsing: "https://huggingface.co/org/name/blob/main/Q4/x.gguf") }
    #expect(
      throws: HubNameError.otherPage("https://huggingface.co/datasets/org/name")
    ) { try HubName(parsing: "https://huggingface.co/datasets/org/name") }
  }
}
