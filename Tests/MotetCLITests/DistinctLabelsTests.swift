import Testing

@testable import MotetCLI

@Suite struct DistinctLabelsTests {
  private func labels(_ arguments: String...) throws -> [String] {
    try distinctLabels(of: arguments.compactMap { NamedFile(argument: $0) })
  }

  private func problem(_ arguments: String...) -> String {
    do { return try distinctLabels(of: arguments.compactMap { NamedFile(argument: $0) }).joined() } catch {
      return "\(error)"
    }
  }

  @Test func filesOfOneNameAreToldApartByTheirFolders() throws {
    #expect(try labels("a/test.jsonl", "b/test.jsonl") == ["a/test", "b/test"])
    #expect(try labels("a/test.jsonl", "b/train.jsonl") == ["test", "train"])
    #expect(try labels("x/a/test.jsonl", "y/a/test.jsonl", "z.jsonl") == ["x/a/test", "y/a/test", "z"])
  }

  @Test func aGivenNameStaysAndTheOtherGrows() throws {
    #expect(try labels("test=a.jsonl", "b/test.jsonl") == ["test", "b/test"])
    #expect(try labels("one=a/test.jsonl", "two=a/test.jsonl") == ["one", "two"])
  }

  @Test func whatCannotBeToldApartIsRefused() {
    #expect(
      problem("x=a.jsonl", "x=b.jsonl")
        == "--data: a.jsonl and b.jsonl are both called x; give each its own name")
    #expect(problem("a.jsonl", "./a.jsonl") == "--data: a.jsonl and ./a.jsonl are the same file")
    #expect(problem("a/t.jsonl", "a/t.json").hasSuffix("are both called t; name them: NAME=FILE") == false)
    #expect(
      problem("/t.jsonl", "/t.json") == "--data: /t.jsonl and /t.json are both called t; name them: NAME=FILE"
    )
  }
}
