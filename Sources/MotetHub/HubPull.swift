import Foundation
import MotetFormats
import MotetModels
import NIOHTTP1

/// Fetches a model from the Hugging Face hub into the hub's own cache, where other tools find it too.
///
///     let name = try HubName(parsing: "HuggingFaceTB/SmolLM2-360M-Instruct")
///     let pulled = try await HubPull(name, settings: HubSettings()).run()
///     print(pulled.url.path)      // ~/.cache/huggingface/hub/models--HuggingFaceTB--…/snapshots/…
///
/// Only the files that a model needs are fetched, and none that is here. A pull that is broken off, by the network or by
/// a cancelled task, keeps what arrived, and the next goes on there. Links and the revision's commit are written when all
/// files are here, so that a snapshot is never half of a model.
public struct HubPull: Sendable {
  public let name: HubName
  /// Chooses a GGUF file by its name, such as `*Q4_K_M*`.
  public let gguf: String?
  public let settings: HubSettings

  public init(_ name: HubName, gguf: String? = nil, settings: HubSettings) {
    (self.name, self.gguf, self.settings) = (name, gguf, settings)
  }

  /// A model that is here.
  public struct Pulled: Sendable, Equatable {
    /// What to give as the base: a snapshot's folder, or a GGUF file in one.
    public let url: URL
    public let commit: String
    /// From the repository's root, sorted.
    public let files: [String]
    /// Bytes that came over the network; 0 if everything was here.
    public let bytesFetched: Int
    /// Whether it is an adapter, which is given with `--mix`.
    public let isAdapter: Bool
  }

  /// - Throws: ``HubError``, `CancellationError`
  public func run(progress: @escaping @Sendable (HubProgress) -> Void = { _ in }) async throws -> Pulled {
    if settings.isOffline { return try present() }
    return try await HubTransport.with(settings, repository: name.repository) { transport in
      try await fetch(transport, progress)
    }
  }

  private func fetch(
    _ transport: HubTransport, _ progress: @escaping @Sendable (HubProgress) -> Void
  ) async throws -> Pulled {
    let address = HubAddress(settings.endpoint, name)
    let listing = try await transport.listing(address, revision: revision)
    var selection = try HubSelection(listing, of: name.repository, gguf: gguf)
    let store = HubStore(cache: settings.cache, name: name)
    try store.prepare()
    var meter = ProgressMeter(progress)
    var done: [(file: HubFile, digest: HubDigest)] = []
    if let index = selection.index {
      let digest = try await self.digest(of: index, address, transport, listing.commit)
      try await fetch([(index, digest)], transport, store, listing.commit, &meter)
      let names = try shardNames(store, index, digest, listing.commit)
      selection.files.removeAll { $0 == index }
      selection.files += try HubSelection.shards(names, in: listing, of: name.repository)
      done.append((index, digest))
    }
    var files: [(file: HubFile, digest: HubDigest)] = []
    for file in selection.files {
      files.append((file, try await digest(of: file, address, transport, listing.commit)))
    }
    try await fetch(files, transport, store, listing.commit, &meter)
    done += files
    try store.link(done, commit: listing.commit)
    try store.refer(to: listing.commit)
    return pulled(
      selection, commit: listing.commit, files: done.map(\.file.path), bytesFetched: meter.fetched)
  }

  /// Fetches those files that are not here.
  private func fetch(
    _ files: [(file: HubFile, digest: HubDigest)], _ transport: HubTransport, _ store: HubStore,
    _ commit: String, _ meter: inout ProgressMeter
  ) async throws {
    meter.total += files.reduce(0) { $0 + $1.file.size }
    let missing = files.filter { !store.has($0.file, $0.digest, commit: commit) }
    meter.add(files.reduce(0) { $0 + $1.file.size } - missing.reduce(0) { $0 + $1.file.size })
    try store.requireSpace(missing.reduce(0) { $0 + max(0, $1.file.size - store.begun($1.digest)) })
    let address = HubAddress(settings.endpoint, name)
    for (file, digest) in missing {
      let url = try address.file(file.path, commit: commit)
      try await HubDownload(
        transport: transport, store: store, file: file, digest: digest, url: url, revision: revision
      ).run(&meter)
    }
    if let last = missing.last { meter.tell(last.file.path, isForced: true) }
  }

  /// The hash of a file, from the listing or, if that is silent, from the file's own address.
  private func digest(
    of file: HubFile, _ address: HubAddress, _ transport: HubTransport, _ commit: String
  ) async throws -> HubDigest {
    if let digest = file.digest { return digest }
    let url = try address.file(file.path, commit: commit)
    return try await HubRetries.run(settings.patience) {
      let response = try await transport.send(.HEAD, url, following: .own)
      await response.drain()
      guard response.status < 400 else {
        throw transport.failure(response, path: file.path, revision: revision)
      }
      guard
        let digest = HubDigest.of(
          linkedTag: response.linkedTag, entityTag: response.headers.first(name: "ETag"))
      else {
        throw HubError.badListing(
          repository: name.repository, problem: "\(quoted(file.path)) has neither a hash nor an ETag")
      }
      return digest
    }
  }

  /// The files that the index names, which must be plain names of the listing to count.
  private func shardNames(
    _ store: HubStore, _ index: HubFile, _ digest: HubDigest, _ commit: String
  ) throws -> [String] {
    let blob = store.blob(digest)
    let place =
      FileManager.default.fileExists(atPath: blob.path)
      ? blob : settings.cache.snapshot(of: name, commit: commit).appending(path: index.path)
    guard case .object(let map)? = try JSONValue.object(contentsOf: place, limit: 64 << 20)["weight_map"]
    else {
      throw HubError.badListing(
        repository: name.repository, problem: "\(index.path) has no weight_map")
    }
    return map.values.compactMap(\.stringValue)
  }

  /// What the cache holds, without a network.
  private func present() throws -> Pulled {
    guard let snapshot = settings.cache.snapshot(of: name) else {
      throw HubError.offline(repository: name.repository)
    }
    let commit = snapshot.lastPathComponent
    var listing = HubListing(commit: commit, repository: name.repository)
    let paths = FileManager.default.enumerator(atPath: snapshot.path)?.compactMap { $0 as? String } ?? []
    for path in paths.sorted() {
      let place = snapshot.appending(path: path).resolvingSymlinksInPath()
      let values = try? place.resourceValues(forKeys: [.isRegularFileKey, .fileSizeKey])
      guard values?.isRegularFile == true else { continue }
      try listing.add(HubFile(path: path, size: values?.fileSize ?? 0))
    }
    let selection = try HubSelection(listing, of: name.repository, gguf: gguf)
    return pulled(selection, commit: commit, files: listing.files.map(\.path), bytesFetched: 0)
  }

  private func pulled(_ selection: HubSelection, commit: String, files: [String], bytesFetched: Int) -> Pulled
  {
    let snapshot = settings.cache.snapshot(of: name, commit: commit)
    return Pulled(
      url: selection.gguf.map { snapshot.appending(path: $0) } ?? snapshot, commit: commit,
      files: files.sorted(),
      bytesFetched: bytesFetched, isAdapter: selection.kind == .adapter)
  }

  private var revision: String { name.revision ?? HubName.defaultRevision }
}
