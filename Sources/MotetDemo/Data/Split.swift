/// Which side of the wall an item is made for.
///
/// Training and held-out items differ in two independent ways, and a held-out item differs in both:
/// - **phrasing**: the sentence templates come from two disjoint lists (`Phrasings`);
/// - **combination**: the parts that are composed (form × letter, filter × transformation × action,
///   occasion × place, …) are indexed, and a tuple of indices whose sum leaves 3 when divided by 4 is held
///   out. Every part occurs in training, but never together with the same partners.
enum Split: Sendable {
  case training, heldOut

  func owns(_ indices: Int...) -> Bool {
    (indices.reduce(0, +) % 4 == 3) == (self == .heldOut)
  }
}

/// The two disjoint lists of templates for one sentence. `{slots}` are filled by `fill`.
struct Phrasings: Sendable {
  let training: [String]
  let heldOut: [String]

  func pick(_ split: Split, _ random: inout SplitMix64) -> String {
    random.pick(split == .training ? training : heldOut)
  }
}

/// Replaces each `{slot}` of a template by its text, and starts the sentence with a capital letter.
func fill(_ template: String, _ slots: [String: String]) -> String {
  var text = template
  for (slot, value) in slots {
    text = text.split(separator: "{\(slot)}", omittingEmptySubsequences: false).joined(separator: value)
  }
  return text.prefix(1).uppercased() + text.dropFirst()
}

/// People of the stories. The two lists are disjoint, so a held-out item is also about somebody new.
enum People {
  static func names(_ split: Split) -> [String] {
    split == .training
      ? [
        "Anna", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Henry", "Ivy", "Jack", "Kate", "Leo",
        "Maria", "Noah", "Olga", "Paul", "Rosa", "Sam", "Tina", "Victor",
      ]
      : [
        "Alice", "Bruno", "Carl", "Daisy", "Eric", "Flora", "George", "Helen", "Igor", "Julia", "Lucy",
        "Mark",
      ]
  }
}
