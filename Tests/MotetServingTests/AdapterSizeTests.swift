import Foundation
import MotetAdapters
import MotetModels
import Synchronization
import Testing

@testable import MotetServing

@Suite(.timeLimit(.minutes(1))) struct AdapterSizeTests {
  private static func place(_ name: String, in places: AdapterPlaces) throws -> AdapterPlace {
    try places.find(AdapterName(name))
  }

  @Test func aSizeIsThatOfTheChainAsItsFilesAreNow() async throws {
    let base = try await TinyModel.load()
    try await TinyModel.withFolder { folder in
      let places = AdapterPlaces(library: nil, folders: [folder])
      let below = AdapterRecord(
        motet: "test", standsOn: AdapterRecord.Parent(name: folder.appending(path: "below").path))
      try noisyWeights(base, rank: 4, seed: 1).write(to: folder.appending(path: "below"))
      try noisyWeights(base, rank: 4, seed: 2).write(to: folder.appending(path: "top"), record: below)
      let reads = Mutex(0)
      let sizes = AdapterSizes {
        reads.withLock { $0 += 1 }
        return try PreparedAdapter.expectedBytes(of: $0, for: base)
      }
      let child = try Self.place("top", in: places)
      let parent = try Self.place("below", in: places)
      func bytes(_ place: AdapterPlace) async -> Int {
        await sizes.chain(of: place, in: places).reduce(0) { $0 + $1.bytes }
      }
      let one = await bytes(parent)
      #expect(one > 0)
      #expect(await bytes(child) == 2 * one)
      #expect(await bytes(child) == 2 * one)
      #expect(reads.withLock { $0 } == 2)
      // The child's own files stay as they are.
      try noisyWeights(base, rank: 8, seed: 3).write(to: folder.appending(path: "below"))
      let changed = try PreparedAdapter.expectedBytes(of: folder.appending(path: "below"), for: base)
      #expect(changed > one)
      #expect(await bytes(child) == one + changed)
      try FileManager.default.removeItem(at: folder.appending(path: "below"))
      #expect(await bytes(child) == 0)
    }
  }

  /// A file on a disk that is slow to answer, or with a long head, keeps nobody waiting but who asks for it.
  @Test func whileFilesAreLookedAtTheShelfAnswers() async throws {
    let base = try await TinyModel.load()
    try await TinyModel.withFolder { folder in
      try writeAdapters(["a", "b"], in: folder, for: base)
      let isLooking = Mutex(false)
      let mayGoOn = Mutex(false)
      let sizes = AdapterSizes { place in
        guard place.lastPathComponent == "a" else { return 1 }
        isLooking.withLock { $0 = true }
        let began = ContinuousClock.now
        while !mayGoOn.withLock({ $0 }), ContinuousClock.now - began < .seconds(20) { usleep(1000) }
        return 1
      }
      let shelf = AdapterShelf(
        base, places: AdapterPlaces(library: nil, folders: [folder]), budget: 1 << 30,
        metrics: ServingMetrics(nil), sizes: sizes)
      let slow = Task { try await shelf.hold(mix("a"), mayExceed: false) != nil }
      while !isLooking.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(1)) }
      let began = ContinuousClock.now
      #expect(await shelf.list().count == 2)
      #expect(try await shelf.hold(mix("b"), mayExceed: false) != nil)
      #expect(ContinuousClock.now - began < .seconds(10))
      mayGoOn.withLock { $0 = true }
      #expect(try await slow.value)
    }
  }
}
