/// A writing system, as Unicode's property `Script` names it.
struct Script: Sendable {
  let name: String
  let scalars: ScalarSet

  /// The script of a name in small letters without underscores, such as `han`; nil when it is not known.
  init?(named key: String) {
    guard let script = Self.all[key] else { return nil }
    self = script
  }

  /// All scripts, by name.
  static var allCases: [Script] { all.values.sorted { $0.name < $1.name } }

  private init(name: String, scalars: ScalarSet) {
    self.name = name
    self.scalars = scalars
  }

  private static let all: [String: Script] = {
    var scripts: [String: Script] = [:]
    for record in ScriptData.ranges.description.split(separator: ";,") {
      let parts = record.split(separator: ":")
      guard parts.count == 2 else { continue }
      var ranges: [ClosedRange<UInt32>] = []
      var before: UInt32 = 0
      for text in parts[1].split(separator: ",") {
        let numbers = text.split(separator: "+").compactMap { UInt32($0, radix: 16) }
        guard let step = numbers.first else { continue }
        let low = before + step
        before = low + (numbers.count > 1 ? numbers[1] : 0)
        ranges.append(low...before)
      }
      let name = String(parts[0])
      scripts[name.lowercased().filter { $0 != "_" }] = Script(name: name, scalars: ScalarSet(ranges))
    }
    return scripts
  }()
}
