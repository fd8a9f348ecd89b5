/// A shell's pattern for a file's name: `*` is any text, `?` any character; capitals and small letters are the same.
///
/// Without either sign it is a part of the name: `q4_k_m` is `*q4_k_m*`.
struct GlobPattern: Sendable {
  private let pattern: [Character]

  init(_ text: String) {
    let lowered = text.lowercased()
    pattern = Array(lowered.contains { $0 == "*" || $0 == "?" } ? lowered : "*\(lowered)*")
  }

  /// Whether the pattern is all of `text`. Takes time in proportion to the product of their lengths.
  func matches(_ text: String) -> Bool {
    let text = Array(text.lowercased())
    var (at, place) = (0, 0)
    // Where the last `*` stands, and how much of the text it takes so far.
    var star: (at: Int, place: Int)?
    while place < text.count {
      if at < pattern.count, pattern[at] == "*" {
        star = (at, place)
        at += 1
      } else if at < pattern.count, pattern[at] == "?" || pattern[at] == text[place] {
        (at, place) = (at + 1, place + 1)
      } else if let last = star {
        star = (last.at, last.place + 1)
        (at, place) = (last.at + 1, last.place + 1)
      } else {
        return false
      }
    }
    return pattern[at...].allSatisfy { $0 == "*" }
  }
}
