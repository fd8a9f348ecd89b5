/// What becomes of the matches at which a text is cut. With a hyphen as the pattern, `the-final--countdown` gives:
enum SplitBehavior: String, Sendable {
  /// `the`, `final`, `countdown`
  case removed = "Removed"
  /// `the`, `-`, `final`, `-`, `-`, `countdown`
  case isolated = "Isolated"
  /// `the-`, `final-`, `-`, `countdown`
  case mergedWithPrevious = "MergedWithPrevious"
  /// `the`, `-final`, `-`, `-countdown`
  case mergedWithNext = "MergedWithNext"
  /// `the`, `-`, `final`, `--`, `countdown`
  case contiguous = "Contiguous"

  /// The behavior in the member `behavior`.
  init(_ fields: StepFields, or fallback: SplitBehavior? = nil) throws {
    if let fallback, fields.present("behavior") == nil {
      self = fallback
      return
    }
    let name = try fields.string("behavior")
    guard let behavior = SplitBehavior(rawValue: name) else {
      throw fields.unsupported(
        "the behavior '\(name)' (known are Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous)"
      )
    }
    self = behavior
  }

  /// Appends the parts of `word`, none of them empty, that `matches` cut it into.
  /// - Parameter inverted: whether what lies between the matches counts as the matches
  func append(_ word: Range<Int>, matches: [Range<Int>], inverted: Bool, to parts: inout [Range<Int>]) {
    let first = parts.count
    var start = word.lowerBound
    // Whether the stretch before counted as a match, and whether the last part may still grow.
    var previous = false
    func add(_ range: Range<Int>, isMatch: Bool) {
      defer { previous = isMatch }
      let isLatest = parts.count > first
      switch self {
      case .isolated: parts.append(range)
      case .removed: if !isMatch { parts.append(range) }
      case .contiguous where isMatch == previous && isLatest,
        .mergedWithPrevious where isMatch && !previous && isLatest:
        parts[parts.count - 1] = parts[parts.count - 1].lowerBound..<range.upperBound
      case .mergedWithNext where !isMatch && previous && isLatest:
        parts[parts.count - 1] = parts[parts.count - 1].lowerBound..<range.upperBound
      case .contiguous, .mergedWithPrevious, .mergedWithNext: parts.append(range)
      }
    }
    for match in matches {
      if start < match.lowerBound { add(start..<match.lowerBound, isMatch: inverted) }
      add(match, isMatch: !inverted)
      start = match.upperBound
    }
    if start < word.upperBound { add(start..<word.upperBound, isMatch: inverted) }
    if parts[first...].contains(where: \.isEmpty) {
      parts.replaceSubrange(first..., with: parts[first...].filter { !$0.isEmpty })
    }
  }
}
