/// What keys and values depend on beside the tokens: which loads of which adapters, and their weights.
///
/// A name is not enough: the files behind it may be replaced while pages made with the old ones are still kept.
struct MixIdentity: Hashable, Sendable {
  struct Part: Hashable, Sendable {
    /// Counted up for each time an adapter is read from its files.
    let load: Int
    let weight: Float
  }

  let parts: [Part]

  static let base = MixIdentity(parts: [])
}
