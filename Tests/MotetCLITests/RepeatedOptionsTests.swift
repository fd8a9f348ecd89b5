import Testing

@testable import MotetCLI

@Suite struct RepeatedOptionsTests {
  private func problem(_ line: String) -> String? {
    do {
      try RepeatedOptions(description: MotetCommand._dumpHelp()).check(
        line.split(separator: " ").map(String.init))
      return nil
    } catch { return "\(error)" }
  }

  @Test(arguments: [
    "generate --prompt a --mix math --mix code", "generate --mix=math --prompt a --mix=code",
    "router train --seed 1 --data a=b --seed 2", "train --config a.yaml --config b.yaml",
    "evaluate --data a b --limit 3 --limit=4",
  ])
  func oneOptionWithTwoValuesIsRefused(line: String) {
    #expect(problem(line)?.contains("is given twice") == true)
  }

  @Test func bothValuesAreNamed() {
    #expect(
      problem("generate --mix math --mix code")
        == "--mix is given twice, as math and as code: keep one of them")
  }

  @Test(arguments: [
    "generate --prompt a --mix math --mix math", "evaluate --data a --data b --mix x --mix y",
    "generate --prompt=--mix --mix a", "serve --adapters a --adapters b", "generate -- --mix a --mix b",
    "train --data a --data b", "nonsense --mix a --mix b", "",
  ])
  func listsAndEqualValuesAreNot(line: String) {
    #expect(problem(line) == nil)
  }
}
