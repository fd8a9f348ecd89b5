/// Whether the digits' last is the check of the others (Luhn 1960; ISO/IEC 7812-1, annex B).
func passesLuhn(_ digits: [UInt8]) -> Bool {
  let sum = digits.reversed().enumerated().reduce(0) { sum, digit in
    let value = Int(digit.element) * (digit.offset % 2 == 0 ? 1 : 2)
    return sum + (value > 9 ? value - 9 : value)
  }
  return sum % 10 == 0
}

/// 1 for a number that is right: country and check digits go to the end, letters count 10 to 35, modulo 97
/// (ISO 7064).
/// - Parameter characters: ASCII digits and upper-case letters
func ibanRemainder(_ characters: [UInt8]) -> Int {
  (characters.dropFirst(4) + characters.prefix(4)).reduce(0) { remainder, character in
    character.isASCIIDigit
      ? (remainder * 10 + Int(character) - 48) % 97 : (remainder * 100 + Int(character) - 55) % 97
  }
}

/// Characters of an IBAN by country (SWIFT's IBAN registry).
let ibanLengths: [String: Int] = [
  "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29,
  "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
  "ES": 24, "FI": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
  "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
  "LB": 28, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27,
  "MT": 31, "MU": 30, "NL": 18, "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24,
  "RS": 22, "SA": 24, "SC": 31, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23,
  "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
]
