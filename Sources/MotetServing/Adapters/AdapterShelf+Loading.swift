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

  func isReady(_ place: AdapterPlace) -> Bool {
    residents[Key(place)]?.adapter.place.stamp == place.stamp
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
  /// - Parameter expectedBytes: what it will take, where that was asked just now
  /// - Throws: ``ServingError/unusableAdapter(name:reason:)``, `CancellationError`
  func resident(_ place: AdapterPlace, expectedBytes: Int? = nil) async throws -> LoadedAdapter {
    let key = Key(place)
    var bytes = expectedBytes
    if bytes == nil, isMissing(place) { bytes = await sizes.bytes(of: place, in: places) }
    clock += 1
    if isReady(place), let adapter = residents[key]?.adapter {
      residents[key]?.lastUse = clock
      return adapter
    }
    let (load, task) = underWay(place) ?? begin(place, expectedBytes: bytes ?? 0)
    loading[load]?.waiting += 1
    let outcome = await withTaskCancellationHandler {
      await task.result
    } onCancel: {
      Task { await letGo(of: load) }
    }
    // The first of those that waited puts it in, in place of what was there.
    let isFirst = loading.removeValue(forKey: load) != nil
    let adapter = try outcome.get()
    if isFirst, !loading.contains(where: { $0.key > load && $0.value.key == key }) {
      if let old = residents[key]?.adapter { leaving.append(Weakly(value: old)) }
      residents[key] = Resident(adapter: adapter, lastUse: clock)
      trim()
    }
    return adapter
  }

  private func begin(
    _ place: AdapterPlace, expectedBytes: Int
  ) -> (load: Int, task: Task<LoadedAdapter, any Error>) {
    makeRoom(for: expectedBytes)
    let (load, task) = startLoading(place)
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
  func startLoading(_ place: AdapterPlace) -> (load: Int, task: Task<LoadedAdapter, any Error>) {
    loads += 1
    let load = loads
    let (base, places, metrics, turnstile) = (base, places, metrics, turnstile)
    let task = Task.detached {
      try await turnstile.enter()
      defer { Task { await turnstile.leave() } }
      try await self.enter(load)
      let began = ContinuousClock.now
      do {
        _ = try places.allowedChain(place)
        let library = places.library ?? AdapterLibrary(root: place.folder.appendingPathComponent(".none"))
        let adapter = try Adapter.load(place.folder, name: place.title, for: base, library: library)
        let loaded = LoadedAdapter(load: load, place: place, adapter: adapter, for: base)
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
    default:
      .unusableAdapter(
        name: place.title, reason: "\(error)".replacing(place.folder.path + "/", with: ""))
    }
  }
}
