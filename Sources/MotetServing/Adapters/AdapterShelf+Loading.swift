import MotetAdapters
import MotetModels

// From files into memory.
extension AdapterShelf {
  /// An adapter on its way.
  struct Loading {
    let key: Key
    let stamp: FileStamp
    let expectedBytes: Int
    let task: Task<LoadedAdapter, any Error>
    /// How many wait for it.
    var waiting = 0
    /// Whether its turn has come.
    var isBeingRead = false
  }

  /// An adapter and those that it stands on, with the bytes that each will take.
  typealias Chain = [(place: AdapterPlace, bytes: Int)]

  func isReady(_ place: AdapterPlace) -> Bool { current(place) != nil }

  /// The adapter as its files are now, where it is in memory: also one out of the list that something still holds.
  private func current(_ place: AdapterPlace) -> LoadedAdapter? {
    let key = Key(place)
    return ([residents[key]?.adapter] + leaving.map(\.value)).lazy.compactMap { $0 }
      .first { Key($0.place) == key && $0.isCurrent(place.stamp) }
  }

  /// Puts an adapter in, in place of what was there.
  private func put(_ adapter: LoadedAdapter) {
    let key = Key(adapter.place)
    if let old = residents[key]?.adapter { leaving.append(Weakly(value: old)) }
    leaving.removeAll { $0.value === adapter }
    clock += 1
    residents[key] = Resident(adapter: adapter, lastUse: clock)
    trim()
  }

  private func underWay(_ place: AdapterPlace) -> (load: Int, task: Task<LoadedAdapter, any Error>)? {
    loading.first { $0.value.key == Key(place) && $0.value.stamp == place.stamp }.map {
      ($0.key, $0.value.task)
    }
  }

  /// Whether it has to be read; what is on its way is held already.
  func isMissing(_ place: AdapterPlace) -> Bool { !isReady(place) && underWay(place) == nil }

  /// The adapter in memory, as its files are now. Those who ask for it together share one reading; it is given up when
  /// all of them are cancelled before it begins.
  /// - Parameter chain: it and those that it stands on, where they were asked for just now
  /// - Throws: ``ServingError/unusableAdapter(name:reason:)``, `CancellationError`
  func resident(_ place: AdapterPlace, chain: Chain? = nil) async throws -> LoadedAdapter {
    let key = Key(place)
    if let adapter = used(place) { return adapter }
    var below: LoadedAdapter?
    var chain = chain
    if isMissing(place) {
      if chain == nil { chain = await sizes.chain(of: place, in: places) }
      below = try await resident(below: place, chain: chain)
      if let adapter = used(place) { return adapter }
    }
    // It may have been cancelled while what it stands on was read.
    try Task.checkCancellation()
    let (load, task) = underWay(place) ?? begin(place, below: below, expectedBytes: chain?.first?.bytes ?? 0)
    loading[load]?.waiting += 1
    let outcome = await withTaskCancellationHandler {
      await task.result
    } onCancel: {
      Task { await letGo(of: load) }
    }
    // The first of those that waited puts it in, in place of what was there.
    let isFirst = loading.removeValue(forKey: load) != nil
    let adapter = try outcome.get()
    let isNewest =
      !loading.contains { $0.key > load && $0.value.key == key } && residents[key]?.adapter.load ?? 0 < load
    if isFirst, isNewest { put(adapter) }
    return adapter
  }

  /// The adapter where it is in memory, from now on the last that was used.
  private func used(_ place: AdapterPlace) -> LoadedAdapter? {
    guard let adapter = current(place) else { return nil }
    if residents[Key(place)]?.adapter !== adapter { put(adapter) }
    clock += 1
    for one in adapter.chain { residents[Key(one.place)]?.lastUse = clock }
    return adapter
  }

  /// The one that it stands on, in memory; nil for one that stands on the base.
  /// - Parameter chain: where it was asked for just now
  func resident(below place: AdapterPlace, chain: Chain? = nil) async throws -> LoadedAdapter? {
    var chain = chain
    if chain == nil { chain = await sizes.chain(of: place, in: places) }
    guard let rest = chain?.dropFirst(), let parent = rest.first else { return nil }
    do { return try await resident(parent.place, chain: Array(rest)) } catch let error as ServingError {
      guard case .unusableAdapter(_, let reason) = error else { throw error }
      throw ServingError.unusableAdapter(name: place.title, reason: "one that it stands on: \(reason)")
    }
  }

  private func begin(
    _ place: AdapterPlace, below: LoadedAdapter?, expectedBytes: Int
  ) -> (load: Int, task: Task<LoadedAdapter, any Error>) {
    let (load, task) = startLoading(place, below: below)
    makeRoom(for: expectedBytes)
    loading[load] = Loading(
      key: Key(place), stamp: place.stamp, expectedBytes: expectedBytes, task: task)
    return (load, task)
  }

  /// One of those who wait for a load does so no more. What is being read is read to its end: whoever asks next has it.
  private func letGo(of load: Int) {
    loading[load]?.waiting -= 1
    guard let left = loading[load], left.waiting == 0, !left.isBeingRead else { return }
    loading[load] = nil
    left.task.cancel()
  }

  /// A load's turn has come.
  /// - Throws: `CancellationError` when nobody waits for it
  private func enter(_ load: Int) throws {
    try Task.checkCancellation()
    loading[load]?.isBeingRead = true
  }

  /// Reads an adapter when its turn comes; cancelling the task before gives its turn to the next.
  /// - Parameter below: the one that it stands on
  private func startLoading(
    _ place: AdapterPlace, below: LoadedAdapter?
  ) -> (load: Int, task: Task<LoadedAdapter, any Error>) {
    // Until the adapter holds it itself.
    below?.hold()
    loads += 1
    let load = loads
    let (base, places, metrics, turnstile) = (base, places, metrics, turnstile)
    let task = Task.detached {
      defer { below?.release() }
      try await turnstile.enter()
      defer { Task { await turnstile.leave() } }
      try await self.enter(load)
      let began = ContinuousClock.now
      do {
        // What it stands on may be another by now than when that was read.
        let chain = try places.allowedChain(place)
        guard chain.dropFirst().first?.stamp == below?.place.stamp else {
          throw ServingError.unusableAdapter(
            name: place.title, reason: "what it stands on changed while it was read; ask again")
        }
        async let isSound: Void = self.compare(place)
        let prepared = try PreparedAdapter.read(
          place.folder, name: place.title, for: base, below: below?.place.folder, comparing: false)
        try await isSound
        let loaded = LoadedAdapter(load: load, place: place, prepared: prepared, below: below)
        metrics.loaded(place.label, seconds: (ContinuousClock.now - began) / .seconds(1))
        return loaded
      } catch {
        metrics.failedToLoad(place.label)
        throw Self.told(error, of: place)
      }
    }
    return (load, task)
  }

  /// What is wrong with an adapter, without the path of its folder: whoever names it is told.
  private static func told(_ error: any Error, of place: AdapterPlace) -> ServingError {
    switch error {
    case ServingError.forbiddenFolder:
      .unusableAdapter(
        name: place.title,
        reason: "it, or one that it stands on, lies outside the folders that the server was started with")
    case let error as ServingError: error
    // A server takes no --force.
    case ModelError.adapterMismatch(_, let base, let reason):
      .unusableAdapter(
        name: place.title,
        reason: "it was made for another base than \(base) (\(reason)); train it on this one")
    default:
      .unusableAdapter(
        name: place.title,
        reason: withoutFolders(
          "\(error)".replacing(place.folder.path + "/", with: "")
            .replacing(place.folder.path, with: place.title)))
    }
  }
}
