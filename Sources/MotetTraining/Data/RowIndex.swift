/// Where the rows of a set lie and what was learnt from reading them once: 48 bytes a row, whatever its length.
struct RowIndex: Sendable {
  struct Entry: Sendable {
    /// Where in the file the row begins, and its bytes.
    let offset: Int
    let byteCount: UInt32
    /// Its line, or its place in a list, from 1.
    let line: UInt32
    /// Tokens after cutting, and those of them that carry a label.
    let tokens: UInt32
    let labels: UInt32
    /// Tokens cut off.
    let cut: UInt32
    /// An index into ``RowIndex/groups``.
    let group: UInt32
    let file: UInt32
    /// A hash of the row's words.
    let words: UInt64
  }

  static let noGroup = UInt32.max
  /// Values that a field may have to be one that rows are grouped by.
  static let groupLimit = 1000

  var entries: [Entry] = []
  private(set) var groups: [String] = []
  private var groupNumbers: [String: UInt32] = [:]

  init() {}

  /// Without entries, with the groups that entries of `other` name.
  init(groupsOf other: RowIndex) {
    groups = other.groups
    groupNumbers = other.groupNumbers
  }

  /// The number of a group's name.
  /// - Throws: ``DatasetError/tooManyGroups(field:limit:)``
  mutating func number(ofGroup name: String?, field: String?) throws -> UInt32 {
    guard let name else { return Self.noGroup }
    if let number = groupNumbers[name] { return number }
    guard groups.count < Self.groupLimit else {
      throw DatasetError.tooManyGroups(field: field ?? "", limit: Self.groupLimit)
    }
    let number = UInt32(groups.count)
    groups.append(name)
    groupNumbers[name] = number
    return number
  }
}
