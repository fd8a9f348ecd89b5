import MotetFormats

/// Cuts where the script changes. Hiragana and katakana count as Han; a space belongs to what is around it.
///
/// As in Hugging Face `tokenizers`, scripts are those of Unicode 9.0, and what lies before the first character with a
/// script is left out. Source: SentencePiece's `IsValidSentencePiece`.
struct UnicodeScripts: Splitter {
  static let type = "UnicodeScripts"

  init(_ fields: StepFields) {}
  var fields: [String: JSONValue] { [:] }

  func split(_ words: inout Words) {
    words.cut { bytes, word, parts in
      var start: Int?
      var last: UInt8?
      var position = word.lowerBound
      while position < word.upperBound {
        let (value, end) = bytes.scalar(at: position)
        let script = Self.script(of: value)
        if script != Self.any, script != last {
          if let start { parts.append(start..<position) }
          start = position
        }
        if script != Self.any { last = script }
        position = end
      }
      if let start { parts.append(start..<word.upperBound) }
    }
  }

  /// Stands for a character without a script.
  private static let any: UInt8 = 0

  private static func script(of value: UInt32) -> UInt8 {
    if value == 0x20 { return any }
    return value < CharacterTable.limit ? table[Int(value)] : high(value)
  }

  private static func high(_ value: UInt32) -> UInt8 {
    guard CharacterTable.shared.contains(value, asOf: version),
      let place = scripts.firstIndex(where: { $0.scalars.contains(value) })
    else { return any }
    return UInt8(place + 1)
  }

  private static let version = UnicodeVersion(9).packed
  private static let scripts = Script.allCases

  private static let table: [UInt8] = {
    var table = [UInt8](repeating: any, count: Int(CharacterTable.limit))
    let han = scripts.firstIndex { $0.name == "Han" }
    for (place, script) in scripts.enumerated() {
      let isKana = script.name == "Hiragana" || script.name == "Katakana"
      let number = UInt8((isKana ? han : nil) ?? place) + 1
      for range in script.scalars.ranges {
        for value in range
        where value < CharacterTable.limit && CharacterTable.shared.contains(value, asOf: version) {
          table[Int(value)] = number
        }
      }
    }
    table[0x30FC] = UInt8(han ?? 0) + 1
    return table
  }()
}
