/// The demo's sample data: three domains, a compound set, and text of no domain.
///
/// Everything is made here by seeded generators or written for the purpose; the same seed gives the same
/// rows. What is held out is said at `Split` and, for each family of items, at its source.
public enum DemoData {
  /// Different rows to train on. Fewer than `count` only if the generators run out of prompts, which takes
  /// several thousand rows.
  public static func training(_ domain: DemoDomain, count: Int, seed: UInt64) -> [DemoItem] {
    items(domain, split: .training, count: count, seed: seed)
  }

  /// Different items to test with: other phrasings, other people and other combinations than any row of
  /// `training`, whatever the seeds.
  public static func heldOut(_ domain: DemoDomain, count: Int, seed: UInt64) -> [DemoItem] {
    items(domain, split: .heldOut, count: count, seed: seed ^ 0x48_45_4C_44)
  }

  /// At least 24 prompts that need two domains, with reference answers.
  public static let compound: [CompoundItem] = CompoundSet.items

  /// At least 40 paragraphs of plain text of no domain, for the NLL of general knowledge.
  public static let generalText: [String] = GeneralText.paragraphs

  /// Everyday prompts of no domain for a router to learn "none fits" from.
  public static let unrelatedPrompts: [String] = UnrelatedPrompts.training

  /// Everyday prompts of no domain, none of them among `unrelatedPrompts`.
  public static let heldOutUnrelatedPrompts: [String] = UnrelatedPrompts.heldOut

  private static func items(_ domain: DemoDomain, split: Split, count: Int, seed: UInt64) -> [DemoItem] {
    let sources = sources(of: domain)
    var random = SplitMix64(seed: seed)
    var seen = Set<String>()
    var result: [DemoItem] = []
    // The families take turns, so any prefix of the rows holds each in its share.
    for attempt in 0..<(count * 20) where result.count < count {
      let item = sources[attempt % sources.count].draw(split, &random)
      if seen.insert(item.prompt).inserted { result.append(item) }
    }
    return random.shuffled(result)
  }

  /// The families of a domain; one listed twice gets a double share.
  private static func sources(of domain: DemoDomain) -> [any ItemSource] {
    switch domain {
    case .math: [Equations(), Stories(), Equations(), Stories(), Quadratics(), Stories()]
    case .code: [NumberLists(), WordLists(), NumberLists(), Texts()]
    case .qa: [TwoHops(), Moves(), Absences(), Moves(), Positions()]
    }
  }
}

/// One family of items.
protocol ItemSource: Sendable {
  func draw(_ split: Split, _ random: inout SplitMix64) -> DemoItem
}
