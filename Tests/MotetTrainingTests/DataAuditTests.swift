import Foundation
import Testing

@testable import MotetTraining

@Suite struct DataAuditTests {
  private let folder: DataFolder

  init() throws { folder = try DataFolder() }

  @Test func classesGroupsAndFilesAreWeighed() throws {
    let first = try folder.file(
      (0..<9).map {
        #"{"text": "row \#($0)", "label": "\#($0 < 6 ? "good" : "bad")", "region": "north"}"# + "\n"
      }
      .joined())
    let second = try folder.file("b.jsonl", #"{"text": "row x", "label": "bad", "region": "south"}"#)
    let data = try TrainingData(
      files: [WeightedFile(first), WeightedFile(second, weight: 3)], encoder: DataFolder.encoder(),
      groupField: "region")
    let balances = try DataAudit(of: data).balances
    #expect(balances.map(\.field) == ["label", "region", "file"])
    #expect(
      balances[0].parts == [
        .init(name: "bad", rows: 4, share: 0.5), .init(name: "good", rows: 6, share: 0.5),
      ])
    #expect(balances[0].evenness == 1)
    #expect(balances[1].parts.map(\.share) == [0.75, 0.25])
    #expect(balances[1].evenness > 0.8 && balances[1].evenness < 0.82)
    #expect(balances[2].parts.map(\.rows) == [9, 1])
  }

  @Test func rowsWithoutALabelHaveNoBalance() throws {
    #expect(try DataAudit(of: TrainingData(folder.questions("a", 3))).balances.isEmpty)
    let free = try folder.file(
      (0...1001).map { #"{"text": "a", "label": "free text \#($0)"}"# + "\n" }.joined())
    #expect(try DataAudit(of: TrainingData(free)).balances.isEmpty)
  }

  @Test func findingsHavePlacesAndNoText() throws {
    let secret = "AKIA" + "IOSFODNN7EXAMPLE"
    let path = try folder.file(
      #"{"prompt": "my key", "response": "\#(secret) and \#(secret)"}"# + "\n"
        + #"{"prompt": "mail", "response": "anna@post.de"}"# + "\n"
        + #"{"prompt": "\#(secret)", "response": "x"}"#)
    let audit = try DataAudit(of: TrainingData(path))
    #expect(audit.findings.map(\.kind) == [.awsAccessKey, .emailAddress])
    #expect(audit.findings[0].count == 3 && audit.findings[0].rows == 2)
    #expect(audit.findings[0].places.map(\.line) == [1, 3])
    let text = audit.text()
    #expect(text.contains("AWS access key: 3 in rows 1, 3"))
    #expect(text.contains("e-mail address: 1 in row 2"))
    let json = String(decoding: try JSONEncoder().encode(audit), as: UTF8.self)
    for output in [text, json] { #expect(!output.contains("AKIA") && !output.contains("anna")) }
    #expect(try JSONDecoder().decode(DataAudit.self, from: Data(json.utf8)) == audit)
  }

  @Test func nearDuplicatesAreToldFromExactOnes() throws {
    let long =
      "the quick brown fox jumps over the lazy dog while the cat sleeps in the warm house by the river"
    let rows = [long, "another thing entirely", long, long + " today", long.uppercased()]
    let path = try folder.file(rows.map { #"{"text": "\#($0)"}"# + "\n" }.joined())
    let data = try TrainingData(path, maximumLength: 128)
    #expect(data.report.total.duplicates == 1)
    let audit = try DataAudit(of: data)
    #expect(audit.nearDuplicateRows == 2)
    #expect(
      audit.nearDuplicates.map(\.place.line) == [4, 5] && audit.nearDuplicates.map(\.earlier.line) == [1, 1])
    #expect(audit.text().contains("near-duplicates: 2 rows (row 4 is like row 1, row 5 is like row 1)"))
  }

  @Test func languagesAreSharedByBytesAndRowsCounted() throws {
    let path = try folder.file(
      #"{"prompt": "What is the name of the river in this city?", "response": "It is the one that you see."}"#
        + "\n"
        + #"{"prompt": "Write it in Python.", "response": "def area(w, h):\n    return w * h\nprint(area(3, 4))"}"#
    )
    let audit = try DataAudit(of: TrainingData(path, maximumLength: 128))
    #expect(audit.languages.map(\.language) == [.english, .code])
    #expect(audit.languages.map(\.rows) == [2, 1])
    #expect(abs(audit.languages.map(\.share).reduce(0, +) - 1) < 1e-12)
    #expect(audit.text().contains("English"))
  }
}
