/// The values that a setting takes, and how an error says so.
struct SettingRule<Value: Sendable>: Sendable {
  /// As "must be …" continues.
  let text: String
  let holds: @Sendable (Value) -> Bool
}

extension SettingRule where Value == Int {
  /// More is a slip of the pen, and sums of such numbers stay far from overflow.
  static var most: Int { 1 << 30 }

  static func count(from least: Int = 1) -> SettingRule {
    SettingRule(text: "from \(least) to \(most)") { (least...most).contains($0) }
  }
}

extension SettingRule where Value: BinaryFloatingPoint {
  static var positive: SettingRule { SettingRule(text: "greater than 0") { $0 > 0 && $0.isFinite } }
  static var zeroOrMore: SettingRule { SettingRule(text: "0 or greater") { $0 >= 0 && $0.isFinite } }
  static var share: SettingRule { SettingRule(text: "from 0 to 1") { (0...1).contains($0) } }
  static var shareBelowOne: SettingRule {
    SettingRule(text: "0 or greater and less than 1") { (0..<1).contains($0) }
  }
  static var shareAboveZero: SettingRule {
    SettingRule(text: "greater than 0 and at most 1") { $0 > 0 && $0 <= 1 }
  }
  static var partialShare: SettingRule {
    SettingRule(text: "greater than 0 and less than 1") { $0 > 0 && $0 < 1 }
  }

  static func positive(below most: Value) -> SettingRule {
    SettingRule(text: "greater than 0 and less than \(most)") { $0 > 0 && $0 < most }
  }

  static func zero(orFrom least: Value) -> SettingRule {
    SettingRule(text: "0, or \(least) or greater") { $0 == 0 || ($0 >= least && $0.isFinite) }
  }
}

extension SettingRule {
  /// The rule for every value of a pattern.
  static func each<Element>(_ rule: SettingRule<Element>) -> SettingRule where Value == [String: Element] {
    SettingRule(text: "\(rule.text) for every name") { $0.values.allSatisfy(rule.holds) }
  }
}

extension SettingRule where Value == [WeightedFile] {
  static var weights: SettingRule {
    SettingRule(text: "files with weights greater than 0 and at most \(WeightedFile.largestWeight)") {
      $0.allSatisfy { $0.weight > 0 && $0.weight <= WeightedFile.largestWeight }
    }
  }
}
