import MotetAdapters
import MotetModels
import MotetTensor
import Synchronization

/// An adapter in memory, as it was in its files at one time.
final class LoadedAdapter: Sendable {
  /// Counted up over all loads.
  let load: Int
  let place: AdapterPlace
  /// The adapter that it stands on, one for all that do so, which stays in memory as long as this.
  let below: LoadedAdapter?
  let prepared: PreparedAdapter
  /// How many mixes hold it, and adapters that stand on it.
  private let holders = Mutex(0)

  /// - Parameter prepared: without the one that it stands on
  init(load: Int, place: AdapterPlace, prepared: PreparedAdapter, below: LoadedAdapter?) {
    self.below = below
    self.load = load
    self.place = place
    self.prepared = prepared
    below?.hold()
  }

  deinit { below?.release() }

  var method: String { prepared.method }
  var rank: Int? { prepared.rank }
  /// Without those that it stands on.
  var bytes: Int { prepared.byteCount }

  /// It and those that it stands on.
  var chain: [LoadedAdapter] { [self] + (below?.chain ?? []) }

  /// Whether its files, and those that it stands on, are still those that it was read from.
  func isCurrent(_ stamp: FileStamp) -> Bool {
    place.stamp == stamp
      && (below.map { below in FileStamp(below.place.folder).map(below.isCurrent) ?? false } ?? true)
  }

  var isHeld: Bool { holders.withLock { $0 > 0 } }
  func hold() { holders.withLock { $0 += 1 } }
  func release() { holders.withLock { $0 -= 1 } }
}

/// A mix that rows can carry, with the adapters of it, which stay in memory as long as anything holds this.
final class HeldMix: Sendable {
  let served: ServedMix
  let identity: MixIdentity
  /// Rows that hold the same mix carry the same object.
  let bound: BoundMix
  /// Positions that it takes before a sequence's first token.
  let virtualTokens: Int
  /// Whether pages can be shared: not where positions are not tokens, or other weights wrote them.
  let sharesPrefixes: Bool
  let adapters: [LoadedAdapter]

  @Compute
  init(_ terms: [(adapter: LoadedAdapter, weight: Float)], bound: BoundMix) {
    served = ServedMix(
      terms: terms.map {
        ServedMix.Term(name: $0.adapter.place.name, version: $0.adapter.place.version, weight: $0.weight)
      })
    identity = MixIdentity(parts: terms.map { MixIdentity.Part(load: $0.adapter.load, weight: $0.weight) })
    self.bound = bound
    virtualTokens = bound.virtualTokens
    sharesPrefixes = bound.virtualTokens == 0 && bound.copy == nil
    adapters = terms.map(\.adapter)
    for adapter in adapters { adapter.hold() }
  }

  deinit { for adapter in adapters { adapter.release() } }
}
