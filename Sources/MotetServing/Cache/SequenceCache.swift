import MotetTensor

/// One sequence's keys and values: what it shares with earlier ones, and what it leaves to later ones.
@Compute
final class SequenceCache {
  let cache: KeyValueCache
  private let prefixes: PrefixCache
  private var pageTokens: Int { KeyValuePool.pageTokens }
  /// nil for a mix whose pages are not shared: see ``HeldMix/sharesPrefixes``.
  private let mix: MixIdentity?
  /// Pages are shared under this alone: see ``ServingRequest/cacheSalt``.
  private let salt: [String]
  /// Where its next full page goes in the tree; nil when it lost its place there.
  private var place: PrefixCache.Place?
  private var kept: Int

  /// Begins with the pages that earlier sequences left.
  init(
    _ tokens: [Int32], mix: MixIdentity?, salt: [String] = [], pool: KeyValuePool, prefixes: PrefixCache
  ) {
    self.mix = mix
    self.salt = salt
    self.prefixes = prefixes
    cache = KeyValueCache(in: pool)
    kept = 0
    guard let mix else { return }
    let (pages, place) = prefixes.match(tokens, mix: mix, salt: salt)
    self.place = place
    kept = pages.count
    if !pages.isEmpty { cache.share(pages) }
  }

  /// Tokens of the beginning that were there.
  var sharedTokens: Int { kept * pageTokens }

  /// Leaves the pages that are full to later sequences.
  /// - Parameter tokens: of the sequence; those whose keys and values are held come first
  func keepFullPages(_ tokens: [Int32], computed: Int) {
    guard let mix else { return }
    while let place, (kept + 1) * pageTokens <= computed, kept < cache.pages.count {
      let range = kept * pageTokens..<(kept + 1) * pageTokens
      self.place = prefixes.insert(
        cache.pages[kept], tokens: tokens[range], mix: mix, salt: salt, after: place)
      kept += 1
    }
  }
}
