/// A tensor's place in a file, and the check that no two tensors share bytes.
struct ByteRange {
  let name: String
  let start: Int
  let end: Int

  /// Two names whose bytes overlap, if there are any. Empty tensors share nothing.
  static func overlap(in ranges: [ByteRange]) -> (first: ByteRange, second: ByteRange)? {
    let sorted = ranges.filter { $0.end > $0.start }.sorted { ($0.start, $0.end) < ($1.start, $1.end) }
    for (first, second) in zip(sorted, sorted.dropFirst()) where second.start < first.end {
      return (first, second)
    }
    return nil
  }
}
