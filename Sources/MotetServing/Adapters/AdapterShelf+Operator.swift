import MotetAdapters
import MotetModels

// What an operator asks of the adapters.
extension AdapterShelf {
  /// Every adapter that a request of this scope can name.
  func list(within scope: AdapterScope = .all) -> [ServedAdapter] {
    places.all().filter { places.reaches($0, within: scope) }.map { place in
      let loaded = residents[Key(place)]?.adapter
      let current = loaded.flatMap { $0.place.stamp == place.stamp ? $0 : nil }
      let facts = facts(of: place)
      return ServedAdapter(
        name: place.name, version: place.version, parent: facts.parent ?? base.name,
        method: current?.method ?? facts.method, rank: current.map(\.rank) ?? facts.rank,
        isLoaded: current != nil, bytes: current?.bytes ?? 0, isPinned: isPinned(place),
        created: facts.created ?? place.stamp.changed)
    }
  }

  /// Read once for files that stay as they are.
  private func facts(of place: AdapterPlace) -> AdapterFacts {
    let key = Key(place)
    if let known = facts[key], known.stamp == place.stamp { return known.facts }
    let read = AdapterFacts(place)
    facts[key] = (place.stamp, read)
    return read
  }

  func load(_ name: String, from path: String, within scope: AdapterScope = .all) async throws {
    let checked: AdapterName
    do { checked = try AdapterName(name) } catch {
      throw ServingError.invalid(parameter: "lora_name", message: "\(error)")
    }
    let folder = try places.allowedFolder(path, for: name, within: scope)
    guard let stamp = FileStamp(folder) else {
      throw scope.isLimited
        ? ServingError.noSuchFolder
        : ServingError.unusableAdapter(name: name, reason: "its folder holds no adapter_config.json")
    }
    // Known only once it is whole: a bad one leaves the old one in place.
    let place = AdapterPlace(name: checked.name, version: nil, folder: folder, stamp: stamp)
    guard scope.allows(checked.name), places.reaches(place, within: scope) else {
      throw ServingError.noSuchFolder
    }
    changes += 1
    let change = changes
    let chain = await sizes.chain(of: place, in: places)
    if pins[checked.name] == nil {
      try requireRoom(for: name, [], chain)
    } else {
      _ = try await pin(of: name, at: place)
    }
    let adapter = try await resident(place, chain: chain)
    // What was asked last of a name stands, whichever was read first.
    guard lastChange[checked.name] ?? 0 < change else {
      if places.named[checked.name] != folder { drop(adapter) }
      return
    }
    lastChange[checked.name] = change
    places.named[checked.name] = folder
    movePin(checked.name, to: adapter)
    // Whoever may use all adapters gives the folder's to those who may use the name.
    places.granted[checked.name] = scope.isLimited ? nil : places.ownNames(of: folder)
  }

  /// Takes it out, where it is the one of its name.
  private func drop(_ adapter: LoadedAdapter) {
    guard residents[Key(adapter.place)]?.adapter === adapter else { return }
    residents[Key(adapter.place)] = nil
    leaving.append(Weakly(value: adapter))
    trim()
  }

  func unload(_ name: String, within scope: AdapterScope = .all) throws {
    let parsed = try parse(name)
    // A folder that is gone from the disk can still be taken out of the list.
    if places.named[parsed.name] == nil || !scope.allows(parsed.name) {
      _ = try places.find(parsed, within: scope)
    }
    let kept = pins[parsed.name].map { parsed.version == nil || parsed.version == $0.key.version } ?? false
    guard pins[name] == nil, !kept else {
      throw ServingError.kept(name: name, reason: "it is pinned; unpin it first")
    }
    for (key, resident) in residents where key.name == parsed.name {
      guard parsed.version == nil || key.version == parsed.version else { continue }
      guard !isPinned(resident.adapter.place) else { continue }
      residents[key] = nil
      leaving.append(Weakly(value: resident.adapter))
    }
    if parsed.version == nil {
      changes += 1
      lastChange[parsed.name] = changes
      places.named[parsed.name] = nil
      places.granted[parsed.name] = nil
    }
    trim()
  }

  func parse(_ name: String) throws -> AdapterName {
    do { return try AdapterName(parsing: name) } catch {
      throw ServingError.unknownModel(name: name, near: [])
    }
  }
}
