import Foundation
import MotetAdapters
import MotetModels
import MotetTensor

/// The adapters in memory: read on first use, kept under a budget, the least recently used given back first.
///
/// Files are read and converted off the compute thread; only putting an adapter in place runs there. Requests for one
/// adapter that come together share one reading, and those for others go on. An adapter that rows hold is never taken
/// from them: what is replaced or unloaded goes when the last of them ends, and counts until then.
actor AdapterShelf {
  struct Key: Hashable {
    let name: String
    let version: Int?

    init(_ place: AdapterPlace) { (name, version) = (place.name, place.version) }
  }
  struct Resident {
    let adapter: LoadedAdapter
    var lastUse: Int
  }
  struct Weakly<T: AnyObject> { weak var value: T? }

  let base: BaseModel
  let budget: Int
  let metrics: ServingMetrics
  var places: AdapterPlaces
  var residents: [Key: Resident] = [:]
  /// By the number of the load.
  var loading: [Int: Loading] = [:]
  let sizes: AdapterSizes
  /// More files at one time would be ready no sooner, and take the memory of their values in f32 all together.
  let turnstile: Turnstile
  /// Out of the list and still held.
  var leaving: [Weakly<LoadedAdapter>] = []
  private var mixes: [MixIdentity: Weakly<HeldMix>] = [:]
  private var baseMix: HeldMix?
  /// Adapters that stay in memory, by the name that an operator gave.
  var pins: [String: Pin] = [:]
  var facts: [Key: (stamp: FileStamp, facts: AdapterFacts)] = [:]
  /// Files that were compared with their records.
  var compared: Set<FileStamp> = []
  var loads = 0
  var clock = 0
  /// Of an operator's loads and unloads, and by name the last that took effect.
  var changes = 0
  var lastChange: [String: Int] = [:]

  init(
    _ base: BaseModel, places: AdapterPlaces, budget: Int, metrics: ServingMetrics,
    sizes: AdapterSizes? = nil, turnstile: Turnstile = Turnstile(2)
  ) {
    self.sizes = sizes ?? AdapterSizes(for: base)
    self.turnstile = turnstile
    self.base = base
    self.places = places
    self.budget = budget
    self.metrics = metrics
  }

  // MARK: Mixes

  /// What the terms of a mix mean now.
  /// - Throws: ``ServingError`` for names that mean nothing within the scope, folders, and adapters that come twice
  func find(_ mix: MixSpecification, within scope: AdapterScope = .all) throws -> [AdapterPlace] {
    var found: [AdapterPlace] = []
    for term in mix.terms {
      guard case .library(let name) = term.adapter else {
        throw ServingError.invalid(
          parameter: "model",
          message: "\"\(term.adapter)\" is a path; load its folder first and name the adapter")
      }
      let place = try places.find(name, within: scope)
      guard !found.contains(where: { $0.name == place.name && $0.version == place.version }) else {
        throw ServingError.invalid(
          parameter: "model", message: "the mix has \(place.title) twice; give it once, with its whole weight"
        )
      }
      found.append(place)
    }
    return found
  }

  /// The mix with its adapters in memory, at the versions that are there now.
  /// - Parameter mayExceed: reads an adapter even when those that are held leave it no room
  /// - Returns: nil when there is no room until something held is let go
  func hold(
    _ mix: MixSpecification, within scope: AdapterScope = .all, mayExceed: Bool
  ) async throws -> HeldMix? {
    let found = try find(mix, within: scope)
    if found.isEmpty { return try await holdBase() }
    let chains = await chains(of: found)
    let links = Dictionary(chains.values.joined().map { (Key($0.place), $0) }) { first, _ in first }.values
    let need = links.reduce(0) { $0 + (isMissing($1.place) ? $1.bytes : 0) }
    if need > 0 { try requireRoom(for: mix.description, found, links) }
    if need > 0, !mayExceed, heldBytes(beside: found + links.map(\.place)) + need > budget { return nil }
    var terms: [(adapter: LoadedAdapter, weight: Float)] = []
    for (place, term) in zip(found, mix.terms) {
      let adapter = try await resident(place, chain: chains[Key(place)])
      // What it stands on may have become another since it was looked up.
      guard adapter.chain.dropFirst().allSatisfy({ scope.allows($0.place.title) }) else {
        throw ServingError.unknownModel(name: place.title, near: [])
      }
      terms.append((adapter, term.weight))
    }
    for (term, found) in zip(mix.terms, terms) { movePin("\(term.adapter)", to: found.adapter) }
    let identity = MixIdentity(
      parts: terms.map { MixIdentity.Part(load: $0.adapter.load, weight: $0.weight) })
    if let known = mixes[identity]?.value { return known }
    let bound: HeldMix
    do {
      let base = base
      let ready = terms
      bound = try await Compute.run {
        let parts = ready.flatMap { term in term.adapter.chain.map { ($0.prepared, term.weight) } }
        return HeldMix(ready, bound: try BoundMix(parts, to: base))
      }
    } catch {
      throw ServingError.unusableAdapter(name: mix.description, reason: withoutFolders("\(error)"))
    }
    // Another request may have made it meanwhile.
    if let known = mixes[identity]?.value { return known }
    mixes[identity] = Weakly(value: bound)
    trim()
    return bound
  }

  /// Those that have to be read, with what they stand on; others may come and go while their files are looked at.
  private func chains(of found: [AdapterPlace]) async -> [Key: Chain] {
    var chains: [Key: Chain] = [:]
    while let place = found.first(where: { isMissing($0) && chains[Key($0)] == nil }) {
      chains[Key(place)] = await sizes.chain(of: place, in: places)
    }
    return chains
  }

  /// The mix, when all its adapters are in memory; nil when files have to be read first.
  func holdIfReady(_ mix: MixSpecification, within scope: AdapterScope = .all) async throws -> HeldMix? {
    guard try find(mix, within: scope).allSatisfy(isReady) else { return nil }
    return try await hold(mix, within: scope, mayExceed: false)
  }

  private func holdBase() async throws -> HeldMix {
    if let baseMix { return baseMix }
    let made = await Compute.run { HeldMix([], bound: .base) }
    if let baseMix { return baseMix }
    baseMix = made
    return made
  }

  // MARK: Memory

  /// Bytes of adapters in memory, those on their way out included.
  var bytes: Int {
    residents.values.reduce(0) { $0 + $1.adapter.bytes } + leaving.reduce(0) { $0 + ($1.value?.bytes ?? 0) }
  }

  /// Bytes that cannot be given back now, but for adapters that the asking mix has itself.
  private func heldBytes(beside found: [AdapterPlace]) -> Int {
    residents.reduce(0) { sum, item in
      let isOwn = found.contains { $0.name == item.key.name && $0.version == item.key.version }
      return sum
        + (item.value.adapter.isHeld || isPinned(item.value.adapter.place) || isOwn
          ? item.value.adapter.bytes : 0)
    } + leaving.reduce(0) { $0 + ($1.value?.bytes ?? 0) }
      + loading.values.reduce(0) { $0 + $1.expectedBytes }
  }

  /// Gives back what is over the budget, as far as nothing holds it.
  func trim() { makeRoom(for: 0) }

  func makeRoom(for more: Int) {
    leaving.removeAll { $0.value == nil }
    mixes = mixes.filter { $0.value.value != nil }
    var total = bytes + loading.values.reduce(0) { $0 + $1.expectedBytes } + more
    // What another stands on is free only when that one has gone.
    while total > budget, let key = leastRecentlyUsed {
      guard let adapter = residents.removeValue(forKey: key)?.adapter else { break }
      // A mix that is being put together may have it still.
      leaving.append(Weakly(value: adapter))
      total -= adapter.bytes
      metrics.evicted(adapter.place.label)
    }
    metrics.adapterBytes.record(bytes)
  }

  /// Of those that nothing holds.
  private var leastRecentlyUsed: Key? {
    residents.filter { !$0.value.adapter.isHeld && !isPinned($0.value.adapter.place) }
      .min { $0.value.lastUse < $1.value.lastUse }?.key
  }
}
