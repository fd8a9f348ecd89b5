import Foundation
import MotetTensor
import Testing

@testable import MotetFormats
@testable import MotetModels

/// Damaged files by the thousand: each is either read or refused in one line; none crashes, hangs, or takes memory
/// that the file does not justify. Also to be run under the address sanitizer:
/// `ASAN_OPTIONS=detect_leaks=0 swift test --sanitize=address --filter MotetFormatsTests`; the leaks it would find are
/// the tables of the tests, which live as long as the process.
@Suite(.serialized) struct MutationTests {
  @Test func safetensors() throws {
    try survive(2000, mutating: Fixtures.url("types.safetensors"), seed: 1) { url in
      try readAll(try SafetensorsFile(contentsOf: url))
    }
  }

  @Test func gguf() throws {
    try survive(2500, mutating: Fixtures.url("quants.gguf"), seed: 2) { url in
      let file = try GGUFFile(contentsOf: url)
      for value in file.metadata.values {
        _ = (value.int, value.double, value.strings, value.ints, value.doubles)
      }
      try readAll(file)
    }
  }

  @Test func ggufConfiguration() throws {
    var bytes = GGUFBytes(tensors: 0, pairs: 9)
    bytes.add("general.architecture")
    bytes.add(UInt32(8))
    bytes.add("llama")
    let sizes = [
      "block_count": 2, "context_length": 64, "embedding_length": 16, "feed_forward_length": 24,
      "vocab_size": 40,
      "attention.head_count": 4, "attention.head_count_kv": 2,
    ]
    for (key, size) in sizes.sorted(by: { $0.key < $1.key }) {
      bytes.add("llama." + key)
      bytes.add(UInt32(4))
      bytes.add(UInt32(size))
    }
    bytes.add("llama.attention.layer_norm_rms_epsilon")
    bytes.add(UInt32(6))
    bytes.add(Float(1e-5).bitPattern)
    try withFile(bytes.file()) { source in
      try survive(1500, mutating: source, seed: 3) { url in
        _ = try ModelDescription(gguf: try GGUFFile(contentsOf: url)).huggingFaceJSON()
      }
    }
  }

  @Test func modelConfiguration() throws {
    try survive(1000, mutating: Fixtures.url("sharded/config.json"), seed: 4) { url in
      _ = try ModelDescription(huggingFace: url).huggingFaceJSON()
    }
  }

  @Test func shardIndex() throws {
    let index = "model.safetensors.index.json"
    try withTemporaryFolder { folder in
      for name in try FileManager.default.contentsOfDirectory(atPath: Fixtures.url("sharded").path) {
        try FileManager.default.copyItem(
          at: Fixtures.url("sharded/" + name), to: folder.appendingPathComponent(name))
      }
      try survive(
        500, mutating: Fixtures.url("sharded/" + index), seed: 5, at: folder.appendingPathComponent(index)
      ) {
        _ in try readAll(try ShardedSafetensors(folder: folder))
      }
    }
  }

  @Test(arguments: ["adapter_config.json", "adapter_model.safetensors"])
  func adapter(mutated: String) throws {
    try withTemporaryFolder { folder in
      for name in ["adapter_config.json", "adapter_model.safetensors"] {
        try FileManager.default.copyItem(
          at: Fixtures.url("adapter/" + name), to: folder.appendingPathComponent(name))
      }
      let place = folder.appendingPathComponent(mutated)
      try survive(800, mutating: Fixtures.url("adapter/" + mutated), seed: 6, at: place) { _ in
        let (configuration, sites) = try PEFTAdapterFile.read(folder)
        for site in sites { _ = try configuration.scale(at: site.path) }
        _ = configuration.json()
      }
    }
  }

  private func readAll(_ source: some TensorSource) throws {
    for name in source.names { _ = try source.tensor(name).floats() }
  }

  /// Reads `count` mutations of the file at `source`, each put at `place`.
  private func survive(
    _ count: Int, mutating source: URL, seed: UInt64, at place: URL? = nil, _ read: (URL) throws -> Void
  ) throws {
    let original = [UInt8](try Data(contentsOf: source))
    var mutation = Mutation(seed: seed)
    var refused = 0
    let memory = peakResidentBytes()
    try withTemporaryFolder { folder in
      let url = place ?? folder.appendingPathComponent("mutated")
      for number in 0..<count {
        try Data(mutation.apply(to: original)).write(to: url)
        let start = ContinuousClock.now
        do {
          try read(url)
        } catch let error as FormatError {
          refused += 1
          let line = error.description
          if line.contains("\n") || line.count > 2000 { Issue.record("mutation \(number): \(line)") }
        } catch {
          Issue.record("mutation \(number): \(error)")
        }
        if start.duration(to: .now) > .seconds(5) { Issue.record("mutation \(number) took too long") }
      }
    }
    // Some flips hit only a number in the data and are rightly read.
    #expect(refused > count / 4 && refused < count, "\(refused) of \(count)")
    #expect(peakResidentBytes() - memory < 400 << 20)
  }
}

/// A seeded source of damage.
struct Mutation {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// SplitMix64.
  private mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  private mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(max(limit, 1))) }

  /// One to four wounds: mostly in the first kilobytes, where the header is.
  mutating func apply(to original: [UInt8]) -> [UInt8] {
    var bytes = original
    for _ in 0...below(4) where !bytes.isEmpty {
      let place = below(below(4) == 0 ? bytes.count : min(bytes.count, 1500))
      switch below(7) {
      case 0: bytes.removeLast(below(bytes.count))
      case 1, 2: bytes[place] ^= 1 << UInt8(below(8))
      case 3: bytes[place] = UInt8(truncatingIfNeeded: next())
      case 4: lie(at: place, in: &bytes)
      case 5: bytes.removeSubrange(place..<min(bytes.count, place + 1 + below(16)))
      default: splice(at: place, in: &bytes)
      }
    }
    return bytes
  }

  /// A length that is not true, in four or eight bytes.
  private mutating func lie(at place: Int, in bytes: inout [UInt8]) {
    let lies: [UInt64] = [
      0, 1, 31, UInt64(bytes.count), UInt64(bytes.count) + 1, 1 << 31, 0x7FFF_FFFF, 0xFFFF_FFFF, 1 << 40,
      1 << 62,
      UInt64(Int.max), 1 << 63, .max,
    ]
    var lie = lies[below(lies.count)]
    // The lengths at the front are the most powerful.
    let start = below(3) == 0 ? min([0, 4, 8, 16, 24][below(5)], bytes.count) : place
    for index in start..<min(bytes.count, start + (below(2) == 0 ? 4 : 8)) {
      bytes[index] = UInt8(truncatingIfNeeded: lie)
      lie >>= 8
    }
  }

  /// Text that JSON does not expect, or a repetition of what is there.
  private mutating func splice(at place: Int, in bytes: inout [UInt8]) {
    let texts = [
      "99999999999999999999", "-1", "1e308", "\"", "\\u", "[[[[[[[[", "{\"a\":", "}", ",", "null", "\u{0}",
      "../",
      String(repeating: "[", count: 5000),
    ]
    let choice = below(texts.count + 1)
    let insert =
      choice < texts.count
      ? Array(texts[choice].utf8) : Array(bytes[place..<min(bytes.count, place + below(64))])
    bytes.insert(contentsOf: insert, at: place)
  }
}
