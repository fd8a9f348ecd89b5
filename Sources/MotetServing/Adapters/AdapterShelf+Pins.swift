import MotetAdapters

// Adapters that stay in memory, and what has room beside them.
extension AdapterShelf {
  /// An adapter that stays in memory, and the bytes that it and those that it stands on take.
  struct Pin {
    let key: Key
    let bytes: [Key: Int]
  }

  func isPinned(_ place: AdapterPlace) -> Bool {
    let key = Key(place)
    return pins.values.contains { $0.key == key }
  }

  /// Bytes of pinned adapters and of those that they stand on, but for the asking mix's own.
  private func pinnedBytes(beside own: Set<Key>) -> Int {
    let kept = pins.values.reduce(into: [Key: Int]()) { $0.merge($1.bytes) { max($0, $1) } }
    return kept.reduce(0) { $0 + (own.contains($1.key) ? 0 : $1.value) }
  }

  /// Sees whether a mix could ever have room: whatever else is held now is let go some time, but for what is pinned.
  /// - Parameters:
  ///   - found: the mix's adapters
  ///   - links: those of them that have to be read, with what they stand on
  /// - Throws: ``ServingError/tooLarge(name:bytes:pinned:budget:)``
  func requireRoom(
    for name: String, _ found: [AdapterPlace], _ links: some Sequence<(place: AdapterPlace, bytes: Int)>
  ) throws {
    var own = Dictionary(links.map { (Key($0.place), $0.bytes) }) { first, _ in first }
    for one in found.compactMap({ residents[Key($0)]?.adapter }).flatMap(\.chain)
    where own[Key(one.place)] == nil {
      own[Key(one.place)] = one.bytes
    }
    let bytes = own.values.reduce(0, +)
    let pinned = pinnedBytes(beside: Set(own.keys))
    guard bytes + pinned <= budget else {
      throw ServingError.tooLarge(name: name, bytes: bytes, pinned: pinned, budget: budget)
    }
  }

  /// Sees whether an adapter may be pinned: every other one has to find room beside what is pinned.
  /// - Throws: ``ServingError/pinTooLarge(name:bytes:pinned:largestOther:budget:)``,
  ///   ``ServingError/tooLarge(name:bytes:pinned:budget:)``
  func pin(of name: String, at place: AdapterPlace) async throws -> Pin {
    let chain = await sizes.chain(of: place, in: places)
    try requireRoom(for: name, [], chain)
    let pin = Pin(
      key: Key(place), bytes: Dictionary(chain.map { (Key($0.place), $0.bytes) }) { first, _ in first })
    let others = places.all().filter { pin.bytes[Key($0)] == nil && !isPinned($0) }
    let largest = await sizes.largest(of: others, in: places, within: budget)
    let bytes = pin.bytes.values.reduce(0, +)
    // Others may have been pinned while the files were looked at.
    let pinned = pinnedBytes(beside: Set(pin.bytes.keys))
    guard bytes + pinned + largest <= budget else {
      throw ServingError.pinTooLarge(
        name: name, bytes: bytes, pinned: pinned, largestOther: largest, budget: budget)
    }
    return pin
  }

  /// Keeps an adapter in memory, or no longer.
  /// - Parameter scope: of who asks: an adapter that cannot be named within it is not there
  /// - Throws: ``ServingError``; one that could not be read is not pinned
  func pin(_ name: String, _ isPinned: Bool, within scope: AdapterScope = .all) async throws {
    guard isPinned else {
      // Also one whose files are gone.
      guard scope.allows(name) else { throw ServingError.unknownModel(name: name, near: []) }
      if pins.removeValue(forKey: name) == nil { _ = try places.find(parse(name), within: scope) }
      return trim()
    }
    let place = try places.find(parse(name), within: scope)
    guard pins[name]?.key != Key(place) || !isReady(place) else { return }
    let before = pins[name]
    pins[name] = nil
    do {
      // From now on the room is taken, while the files are still read.
      pins[name] = try await pin(of: name, at: place)
      _ = try await resident(place)
    } catch {
      pins[name] = before
      throw error
    }
  }

  /// A name that is pinned keeps what it means now: the newest version, or what was loaded in its place.
  func movePin(_ name: String, to adapter: LoadedAdapter) {
    guard pins[name] != nil else { return }
    pins[name] = Pin(
      key: Key(adapter.place),
      bytes: Dictionary(adapter.chain.map { (Key($0.place), $0.bytes) }) { first, _ in first })
  }
}
