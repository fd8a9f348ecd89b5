import Foundation

/// A date as text, as `strftime` of C writes it in English.
struct DateFormat {
  private let format: String

  init(_ format: String) { self.format = format }

  private static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November",
    "December",
  ]
  private static let days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

  /// - Throws: ``TemplateProblem`` for directives that are not known
  func text(of date: Date, in zone: TimeZone = .current) throws -> String {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = zone
    let parts = calendar.dateComponents(
      [.year, .month, .day, .hour, .minute, .second, .weekday, .dayOfYear, .nanosecond], from: date)
    var result = ""
    var characters = format.makeIterator()
    while let character = characters.next() {
      guard character == "%" else {
        result.append(character)
        continue
      }
      var directive = characters.next()
      // glibc leaves the zero or the space out.
      let isBare = directive == "-"
      if isBare { directive = characters.next() }
      guard let directive else {
        result.append("%")
        break
      }
      result += try text(of: directive, parts, isBare: isBare, zone, date)
    }
    return result
  }

  private func text(
    of directive: Character, _ parts: DateComponents, isBare: Bool, _ zone: TimeZone, _ date: Date
  ) throws -> String {
    let (year, month, day) = (parts.year ?? 0, parts.month ?? 1, parts.day ?? 1)
    let (hour, minute, second) = (parts.hour ?? 0, parts.minute ?? 0, parts.second ?? 0)
    let weekday = (parts.weekday ?? 1) - 1
    func number(_ value: Int, _ digits: Int = 2, fill: String = "0") -> String {
      let text = String(value)
      return isBare ? text : String(repeating: fill, count: max(0, digits - text.count)) + text
    }
    switch directive {
    case "Y": return String(year)
    case "y": return number(year % 100)
    case "C": return number(year / 100)
    case "m": return number(month)
    case "d": return number(day)
    case "e": return number(day, fill: " ")
    case "j": return number(parts.dayOfYear ?? 1, 3)
    case "B": return Self.months[(month - 1) % 12]
    case "b", "h": return String(Self.months[(month - 1) % 12].prefix(3))
    case "A": return Self.days[weekday % 7]
    case "a": return String(Self.days[weekday % 7].prefix(3))
    case "w": return String(weekday)
    case "u": return String(weekday == 0 ? 7 : weekday)
    case "H": return number(hour)
    case "k": return number(hour, fill: " ")
    case "I": return number((hour + 11) % 12 + 1)
    case "l": return number((hour + 11) % 12 + 1, fill: " ")
    case "M": return number(minute)
    case "S": return number(second)
    case "p": return hour < 12 ? "AM" : "PM"
    case "P": return hour < 12 ? "am" : "pm"
    case "f": return number((parts.nanosecond ?? 0) / 1_000, 6)
    case "F": return "\(year)-\(number(month))-\(number(day))"
    case "T": return "\(number(hour)):\(number(minute)):\(number(second))"
    case "R": return "\(number(hour)):\(number(minute))"
    case "D", "x": return "\(number(month))/\(number(day))/\(number(year % 100))"
    case "X": return "\(number(hour)):\(number(minute)):\(number(second))"
    case "c":
      return "\(Self.days[weekday % 7].prefix(3)) \(Self.months[(month - 1) % 12].prefix(3)) "
        + "\(number(day, fill: " ")) \(number(hour)):\(number(minute)):\(number(second)) \(year)"
    // The local time that Python's `datetime.now` gives does not know its zone.
    case "z", "Z": return ""
    case "s": return String(Int(date.timeIntervalSince1970))
    case "n": return "\n"
    case "t": return "\t"
    case "%": return "%"
    default: throw TemplateProblem.unsupported("the date format '%\(directive)'")
    }
  }
}
