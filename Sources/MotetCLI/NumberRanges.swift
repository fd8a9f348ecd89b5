import ArgumentParser

/// More of a thing that is counted is a slip of the pen; sums and products of such numbers stay far from overflow.
let mostCounted = 1 << 30

/// Refuses an option's number out of its range, as a usage error.
/// - Throws: `ValidationError`
func require(_ option: String, _ value: Int?, from least: Int, to most: Int = mostCounted) throws {
  guard let value, !(least...most).contains(value) else { return }
  let range = most == mostCounted && value < least ? "\(least) or greater" : "from \(least) to \(most)"
  throw ValidationError("--\(option) must be \(range) (got \(value))")
}

/// Refuses an option's number that is out of its range, or is not a number.
/// - Throws: `ValidationError`
func require<Number: BinaryFloatingPoint>(
  _ option: String, _ value: Number?, in range: ClosedRange<Number>, above: Bool = false
) throws {
  guard let value, !range.contains(value) || (above && value == range.lowerBound) else { return }
  let words =
    above
    ? "greater than \(range.lowerBound) and at most \(range.upperBound)"
    : "from \(range.lowerBound) to \(range.upperBound)"
  throw ValidationError("--\(option) must be \(words) (got \(value))")
}
