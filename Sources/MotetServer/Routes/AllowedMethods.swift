import Hummingbird

/// The methods that each address takes, to tell one that is wrong from an address that is not there.
struct AllowedMethods: Sendable {
  private let addresses: [(parts: [Substring], methods: Set<String>)]

  init(_ endpoints: [any Endpoint]) {
    addresses = Dictionary(grouping: endpoints, by: \.path).map { path, same in
      var methods = Set(same.map(\.method.rawValue))
      if methods.contains("GET") { methods.insert("HEAD") }
      return (Self.parts(String(path)), methods)
    }
  }

  /// `GET, HEAD`; nil for an address that is not there.
  func at(_ path: String) -> String? {
    let asked = Self.parts(path)
    let same = addresses.filter { address in
      address.parts.count == asked.count
        && zip(address.parts, asked).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
    }
    guard !same.isEmpty else { return nil }
    return same.reduce(into: Set()) { $0.formUnion($1.methods) }.sorted().joined(separator: ", ")
  }

  private static func parts(_ path: String) -> [Substring] { path.split(separator: "/") }
}
