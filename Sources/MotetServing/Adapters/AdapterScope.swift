import MotetAdapters

/// The adapters that somebody may use, by name; a `*` at the end stands for any rest.
///
/// What lies outside is not there for who asks: neither an adapter of another name, nor a folder of another name under a
/// name of one's own, nor an adapter that stands on another's.
public struct AdapterScope: Sendable, Hashable {
  /// nil: all of them.
  public var patterns: [String]?

  public init(patterns: [String]?) { self.patterns = patterns }

  public static let all = AdapterScope(patterns: nil)

  public var isLimited: Bool { patterns != nil }

  /// - Parameter name: `math` or `math@3`
  public func allows(_ name: String) -> Bool { allows(folder: name.prefix { $0 != "@" }) }

  /// - Parameter folder: the name of a folder, whatever it holds
  public func allows(folder: some StringProtocol) -> Bool {
    guard let patterns else { return true }
    return patterns.contains { pattern in
      pattern.hasSuffix("*") ? folder.hasPrefix(pattern.dropLast()) : folder == pattern
    }
  }

  public func allows(_ reference: AdapterReference) -> Bool {
    switch reference {
    case .library(let name): allows(name.name)
    case .folder: false
    }
  }
}
