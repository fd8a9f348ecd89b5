import Foundation
import MotetAdapters
import MotetModels
import Synchronization

/// What adapters will take in memory: told by the heads of their files, and looked up as long as those stay as they are.
final class AdapterSizes: Sendable {
  private let measure: @Sendable (URL) throws -> Int
  private let known = Mutex<[FileStamp: Int]>([:])
  private static let most = 4096

  /// - Parameter measure: the bytes of the adapter of a folder, without those that it stands on
  init(measure: @escaping @Sendable (URL) throws -> Int) { self.measure = measure }

  convenience init(for base: BaseModel) {
    self.init { try PreparedAdapter.expectedBytes(of: $0, for: base) }
  }

  /// An adapter and those that it stands on, with the bytes of each by its files as they are now; none for one that
  /// cannot be read, as loading it will say. Files are looked at on no actor.
  func chain(
    of place: AdapterPlace, in places: AdapterPlaces
  ) async -> [(place: AdapterPlace, bytes: Int)] {
    await Task.detached { [self] in
      let chain = (try? places.allowedChain(place)) ?? []
      return chain.map { ($0, (try? bytes(of: $0.folder)) ?? 0) }
    }.value
  }

  /// The most bytes that one of these takes with what it stands on, of those that fit by themselves.
  func largest(of all: [AdapterPlace], in places: AdapterPlaces, within budget: Int) async -> Int {
    await Task.detached { [self] in
      all.reduce(0) { most, place in
        let chain = (try? places.allowedChain(place)) ?? []
        let total = chain.reduce(0) { $0 + ((try? bytes(of: $1.folder)) ?? 0) }
        return total <= budget ? max(most, total) : most
      }
    }.value
  }

  private func bytes(of folder: URL) throws -> Int {
    let stamp = FileStamp(folder)
    if let stamp, let found = known.withLock({ $0[stamp] }) { return found }
    let bytes = try measure(folder)
    if let stamp {
      known.withLock { known in
        if known.count >= Self.most { known = [:] }
        known[stamp] = bytes
      }
    }
    return bytes
  }
}
