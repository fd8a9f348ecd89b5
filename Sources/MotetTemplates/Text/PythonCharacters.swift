/// What Python's `str` says of a character.
extension Unicode.Scalar {
  /// `str.isspace`.
  var isPythonSpace: Bool {
    switch value {
    case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F,
      0x3000:
      true
    default: false
    }
  }

  /// Whether `str.splitlines` ends a line with it.
  var isPythonLineBreak: Bool {
    switch value {
    case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
    default: false
    }
  }

  /// `str.isalpha`.
  var isPythonLetter: Bool {
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }

  /// `str.isdecimal`.
  var isPythonDecimal: Bool { properties.numericType == .decimal }

  /// `str.isdigit`.
  var isPythonDigit: Bool { isPythonDecimal || properties.numericType == .digit }

  /// `str.isnumeric`.
  var isPythonNumeric: Bool { properties.numericType != nil }

  /// `str.isalnum`.
  var isPythonAlphanumeric: Bool { isPythonLetter || isPythonNumeric }

  /// `str.isprintable`: other characters are escaped by `repr`.
  var isPythonPrintable: Bool {
    switch properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
    case .spaceSeparator: self == " "
    default: true
    }
  }

  /// Whether Python takes it for an upper-case letter.
  var isPythonUpper: Bool { properties.isUppercase }

  /// Whether Python takes it for a lower-case letter.
  var isPythonLower: Bool { properties.isLowercase }

  /// Whether it has case at all: what begins and continues a word of `str.title`.
  var isPythonCased: Bool { properties.isCased }
}
