/// Upper and lower case, as the methods of Python's `str` map it: by Unicode's full mappings, without a language.
extension TemplateText {
  var uppercased: TemplateText { mapScalars { scalar, _ in scalar.properties.uppercaseMapping } }

  var lowercased: TemplateText { mapScalars { scalar, range in self.lower(scalar, range) } }

  var swappedCase: TemplateText {
    mapScalars { scalar, range in
      if scalar.isPythonUpper { return self.lower(scalar, range) }
      return scalar.isPythonLower ? scalar.properties.uppercaseMapping : String(scalar)
    }
  }

  /// The first character in title case, the others in lower case.
  var capitalized: TemplateText {
    mapScalars { scalar, range in
      range.lowerBound == 0 ? scalar.properties.titlecaseMapping : self.lower(scalar, range)
    }
  }

  /// Each run of letters in title case, as `str.title` writes it.
  var titlecased: TemplateText {
    var isInWord = false
    return mapScalars { scalar, range in
      defer { isInWord = scalar.isPythonCased }
      return isInWord ? self.lower(scalar, range) : scalar.properties.titlecaseMapping
    }
  }

  /// Words after white space, hyphens and opening brackets begin in upper case: the filter `title`.
  var filterTitlecased: TemplateText {
    var beginsWord = true
    return mapScalars { scalar, range in
      let separates = scalar.isPythonSpace || "-({[<".unicodeScalars.contains(scalar)
      // A run of separators is a word of its own, which has no case.
      defer { beginsWord = separates }
      return beginsWord ? scalar.properties.uppercaseMapping : self.lower(scalar, range)
    }
  }

  /// A sigma at the end of a word has a form of its own.
  /// Source: The Unicode Standard, section 3.13, table 3-17, Final_Sigma.
  private func lower(_ scalar: Unicode.Scalar, _ range: Range<Int>) -> String {
    guard scalar == "\u{3A3}" else { return scalar.properties.lowercaseMapping }
    var start = range.lowerBound
    while start > 0, self.scalar(before: start).scalar.properties.isCaseIgnorable {
      start = self.scalar(before: start).start
    }
    guard start > 0, self.scalar(before: start).scalar.isPythonCased else { return "\u{3C3}" }
    var end = range.upperBound
    while end < bytes.count, self.scalar(at: end).scalar.properties.isCaseIgnorable {
      end = self.scalar(at: end).end
    }
    let isFollowed = end < bytes.count && self.scalar(at: end).scalar.isPythonCased
    return isFollowed ? "\u{3C3}" : "\u{3C2}"
  }

  /// Whether there are cased characters, and all are as `isOther` is not.
  func hasCase(without isOther: (Unicode.Scalar) -> Bool) -> Bool {
    var isCased = false
    for scalar in string.unicodeScalars {
      if isOther(scalar) || scalar.properties.generalCategory == .titlecaseLetter { return false }
      if scalar.isPythonUpper || scalar.isPythonLower { isCased = true }
    }
    return isCased
  }
}
