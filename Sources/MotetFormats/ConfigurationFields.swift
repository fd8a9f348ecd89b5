import Foundation

/// The members of a JSON configuration, taken out by name and type with an error that names both.
package struct ConfigurationFields {
  package let file: String
  package let members: [String: JSONValue]

  /// The member that holds these, for errors; nil for those of the file itself.
  private let within: String?

  package init(file: String, members: [String: JSONValue], within: String? = nil) {
    self.file = file
    self.members = members
    self.within = within
  }

  private func place(_ name: String) -> String { quoted(within.map { "\($0).\(name)" } ?? name) }

  package func malformed(_ name: String, _ problem: String) -> FormatError {
    .malformed(
      file: file, place: place(name), problem: problem, mend: "fetch the file again, or correct the value")
  }

  package func unsupported(_ name: String, _ feature: String, mend: String) -> FormatError {
    .unsupported(file: file, place: place(name), feature: feature, mend: mend)
  }

  /// A member that is there and not null, or nil.
  package func present(_ name: String) -> JSONValue? {
    guard let value = members[name], value != .null else { return nil }
    return value
  }

  private func required(_ name: String) throws -> JSONValue {
    guard let value = present(name) else { throw malformed(name, "it is missing") }
    return value
  }

  package func string(_ name: String) throws -> String {
    guard let value = try required(name).stringValue else { throw malformed(name, "it is no string") }
    return value
  }

  package func optionalString(_ name: String) throws -> String? {
    present(name) == nil ? nil : try string(name)
  }

  package func int(_ name: String) throws -> Int {
    guard let value = try required(name).intValue else { throw malformed(name, "it is no whole number") }
    return value
  }

  package func optionalInt(_ name: String) throws -> Int? { present(name) == nil ? nil : try int(name) }

  package func int(_ name: String, or fallback: @autoclosure () throws -> Int) throws -> Int {
    present(name) == nil ? try fallback() : try int(name)
  }

  package func double(_ name: String, or fallback: Double) throws -> Double {
    guard let value = present(name) else { return fallback }
    guard let number = value.doubleValue else { throw malformed(name, "it is no number") }
    return number
  }

  package func bool(_ name: String, or fallback: Bool) throws -> Bool {
    guard let value = present(name) else { return fallback }
    guard let truth = value.boolValue else { throw malformed(name, "it is neither true nor false") }
    return truth
  }

  /// A number or a list of numbers; null and absence give none.
  package func ints(_ name: String) throws -> [Int] {
    guard let value = present(name) else { return [] }
    guard let numbers = value.intValue.map({ [$0] }) ?? value.intsValue else {
      throw malformed(name, "it is neither a whole number nor a list of them")
    }
    return numbers
  }

  /// Token ids; -1, which some writers mean as "none", gives none.
  package func tokens(_ name: String) throws -> [Int] { try ints(name).filter { $0 != -1 } }

  /// A string or a list of strings; null and absence give none.
  package func strings(_ name: String) throws -> [String] {
    guard let value = present(name) else { return [] }
    guard let strings = value.stringValue.map({ [$0] }) ?? value.stringsValue else {
      throw malformed(name, "it is neither a string nor a list of them")
    }
    return strings
  }

  /// An object of numbers; null and absence give none.
  package func numbers(_ name: String) throws -> [String: Double] {
    guard let value = present(name) else { return [:] }
    guard case .object(let members) = value else { throw malformed(name, "it is no object") }
    return try members.mapValues { member in
      guard let number = member.doubleValue else {
        throw malformed(name, "it holds something else than numbers")
      }
      return number
    }
  }
}
