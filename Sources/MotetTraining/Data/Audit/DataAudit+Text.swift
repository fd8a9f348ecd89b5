import Foundation

extension DataAudit {
  /// A few lines for people; no text of the rows.
  public func text() -> String {
    var lines = balances.map(Self.text)
    lines.append(nearDuplicatesText)
    for isSecret in [true, false] {
      let own = findings.filter { $0.kind.isSecret == isSecret }
      lines.append((isSecret ? "secrets: " : "personal data: ") + (own.isEmpty ? "none seen" : ""))
      for finding in own {
        lines.append(
          "  \(finding.kind.name): \(grouped(finding.count)) in \(text(finding.places, of: finding.rows))")
      }
    }
    let shares = languages.filter { $0.share >= 0.001 }.prefix(8)
      .map { "\($0.language.name) \(Self.percent($0.share))" }
    lines.append("languages, by bytes: \(shares.joined(separator: ", "))")
    return lines.map { $0.hasSuffix(" ") ? String($0.dropLast()) : $0 }.joined(separator: "\n")
  }

  private static func text(_ balance: DataBalance) -> String {
    let shown = balance.parts.prefix(8).map {
      "\($0.name ?? "(none)") \(percent($0.share)) (\(grouped($0.rows)))"
    }
    let more = balance.parts.count > shown.count ? ", … \(balance.parts.count) in all" : ""
    let evenness = String(format: "%.2f", balance.evenness)
    return "balance by \(balance.field): \(shown.joined(separator: ", "))\(more); evenness \(evenness) of 1"
  }

  private var nearDuplicatesText: String {
    if nearDuplicateRows == 0 { return "near-duplicates: none" }
    let several = severalFiles
    let shown = nearDuplicates.prefix(5).map {
      several
        ? "\($0.place.file):\($0.place.line) is like \($0.earlier.file):\($0.earlier.line)"
        : "row \($0.place.line) is like row \($0.earlier.line)"
    }
    let more = nearDuplicateRows > shown.count ? ", …" : ""
    return "near-duplicates: \(grouped(nearDuplicateRows)) rows (\(shown.joined(separator: ", "))\(more))"
  }

  private var severalFiles: Bool { balances.contains { $0.field == "file" } }

  private func text(_ places: [Place], of rows: Int) -> String {
    if !severalFiles { return MotetTraining.places(places.map(\.line), of: rows) }
    let shown = places.prefix(8)
    return shown.map { "\($0.file):\($0.line)" }.joined(separator: ", ") + (rows > shown.count ? ", …" : "")
  }

  private static func percent(_ share: Double) -> String {
    MotetTraining.percent(Int((share * 1e6).rounded()), of: 1_000_000)
  }
}
