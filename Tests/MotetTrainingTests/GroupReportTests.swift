import Foundation
import MotetTraining
import Testing

@Suite struct GroupReportTests {
  private func nll(_ byRow: [Double], _ labels: [Int]) throws -> NLL {
    let sum = zip(byRow, labels).reduce(0) { $0 + $1.0 * Double($1.1) }
    let json =
      #"{"value": \#(sum / Double(labels.reduce(0, +))), "count": \#(labels.reduce(0, +)), "byRow": \#(byRow)}"#
    return try JSONDecoder().decode(NLL.self, from: Data(json.utf8))
  }

  @Test func meansAreOverTokensAndTheWorstGroupIsFirst() throws {
    let labels = [10, 30, 20, 20]
    let after = try nll([1, 2, 0.5, 0.5], labels)
    let before = try nll([3, 3, 2, 4], labels)
    let report = GroupReport(
      field: "region", groups: ["north", "north", "south", nil], labels: labels, before: before, after: after)
    #expect(report.after == 1.125 && report.before == 3)
    #expect(report.groups.map(\.name) == ["north", nil, "south"])
    #expect(report.groups.map(\.after) == [1.75, 0.5, 0.5])
    #expect(report.groups.map(\.before) == [3, 4, 2])
    #expect(report.groups.map(\.difference) == [0.625, -0.625, -0.625])
    // Residual sums 10·(1 − 1.75) and 30·(2 − 1.75): √(2·(7.5² + 7.5²)) / 40.
    #expect(abs((report.groups[0].standardError ?? 0) - 0.375) < 1e-12)
    #expect(report.groups[1].standardError == nil)
    #expect(report.text().contains("north"))
    #expect(try JSONDecoder().decode(GroupReport.self, from: JSONEncoder().encode(report)) == report)
  }

  @Test func aGroupThatIsClearlyWorseIsMarked() throws {
    let labels = [Int](repeating: 10, count: 200)
    let values = (0..<200).map { ($0 < 100 ? 1.0 : 1.5) + Double($0 % 7) * 0.01 }
    let report = GroupReport(
      field: "g", groups: (0..<200).map { $0 < 100 ? "a" : "b" }, labels: labels, before: nil,
      after: try nll(values, labels))
    #expect(report.groups[0].name == "b")
    #expect(report.text().split(separator: "\n").filter { $0.hasSuffix("*") }.count == 2)
    let even = GroupReport(
      field: "g", groups: (0..<200).map { $0 % 2 == 0 ? "a" : "b" }, labels: labels, before: nil,
      after: try nll(values, labels))
    #expect(even.text().split(separator: "\n").filter { $0.hasSuffix("*") }.isEmpty)
  }
}
