extension RowColumns: SettingValue {
  static var expected: String {
    "ROLE=COLUMN, several between commas, ROLE being \(Role.allCases.map(\.rawValue).joined(separator: ", "))"
  }

  init?(_ input: SettingInput) {
    switch input {
    case .scalar(let text):
      guard let columns = try? RowColumns(parsing: text) else { return nil }
      self = columns
    case .map(let members):
      let pairs = members.compactMap { name, value -> (String, String)? in
        if case .scalar(let column) = value { (name, column) } else { nil }
      }
      guard pairs.count == members.count, let columns = try? RowColumns(pairs) else { return nil }
      self = columns
    case .list, .null: return nil
    }
  }

  /// A map, since the name of a column may hold commas.
  var input: SettingInput {
    .map(Dictionary(uniqueKeysWithValues: byRole.map { ($0.key.rawValue, .scalar($0.value)) }))
  }
}
