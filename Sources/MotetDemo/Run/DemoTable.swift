import MotetReport

/// The results for a terminal.
public struct DemoTable {
  private let results: DemoResults

  public init(_ results: DemoResults) { self.results = results }

  public func text() -> String {
    let systems = DemoSystem.allCases
    var table = TextTable(header: ["right answers"] + systems.map(\.rawValue), rows: [])
    for domain in DemoDomain.allCases {
      table.rows.append(
        [domain.rawValue]
          + systems.map { results.accuracy[domain.rawValue]?[$0.rawValue].map(percent) ?? "-" })
    }
    table.rows.append(["overall"] + systems.map { percent(results.overall($0)) })
    table.rows.append(
      ["general NLL"] + systems.map { String(format: "%.3f", results.generalNLL[$0.rawValue] ?? .nan) })
    table.rows.append(
      ["compound NLL"] + systems.map { String(format: "%.3f", results.compoundNLL[$0.rawValue] ?? .nan) })
    let same = results.fingerprintBefore == results.fingerprintAfter
    let unchanged = results.answersUnchanged.values.allSatisfy { $0 }
    return """
      \(table.text())
      routing: \(percent(results.routingAccuracy)) of held-out prompts; the blend beats the best single adapter on \
      \(results.blendWins) of \(results.compoundCount) compound prompts
      base: fingerprint \(results.fingerprintBefore.prefix(16)) before, \
      \(same ? "the same" : String(results.fingerprintAfter.prefix(16))) after; adapters' answers \
      \(unchanged ? "unchanged" : "CHANGED") by the others
      storage: three adapters save \(percent(results.saving(adapters: 3))) against three full models, \
      eight \(percent(results.saving(adapters: 8)))
      \(Int(results.seconds)) s, peak memory \(results.peakRSSBytes / 1_000_000) MB
      """
  }
}
