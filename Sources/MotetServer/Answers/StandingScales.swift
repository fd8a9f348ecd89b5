import MotetAdapters
import Synchronization

/// What `POST /lora-adapters` has set: the adapters, each with its scale, that requests in llama.cpp's way get when they
/// name none. By name, so that adapters that come and go do not move them.
final class StandingScales: Sendable {
  private let scales = Mutex<[String: Float]>([:])

  /// Sets the scales of a list's adapters, to 0 for those that are not given; of others nothing changes.
  func set(_ given: [(name: String, scale: Float)], in list: LoraList) {
    scales.withLock { scales in
      for name in list.names { scales[name] = nil }
      for (name, scale) in given { scales[name] = scale == 0 ? nil : scale }
    }
  }

  /// In the order of the list.
  func scales(in list: LoraList) -> [(name: String, scale: Float)] {
    scales.withLock { scales in list.names.map { ($0, scales[$0] ?? 0) } }
  }
}
