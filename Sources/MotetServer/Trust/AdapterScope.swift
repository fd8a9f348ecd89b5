import MotetAdapters

/// The adapters that a key may use, by name; a `*` at the end stands for any rest.
struct AdapterScope: Sendable, Equatable {
  /// nil: all of them.
  var patterns: [String]?

  static let all = AdapterScope(patterns: nil)

  func allows(_ name: String) -> Bool {
    guard let patterns else { return true }
    let bare = name.prefix { $0 != "@" }
    return patterns.contains { pattern in
      pattern.hasSuffix("*") ? bare.hasPrefix(pattern.dropLast()) : bare == pattern
    }
  }

  func allows(_ reference: AdapterReference) -> Bool {
    switch reference {
    case .library(let name): allows(name.name)
    case .folder: false
    }
  }
}
