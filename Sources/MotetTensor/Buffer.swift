import CKernels
import Foundation
import Synchronization

/// Aligned memory that goes back to a pool when its last owner lets go.
///
/// Steps of a run ask for the same sizes again and again; fresh pages from the system would cost more than most
/// operators. Contents are undefined.
///
/// Unchecked, because the pointer never changes; who may read or write through it is decided by the compute
/// thread, to which every tensor is isolated.
final class Buffer: @unchecked Sendable {
  let pointer: UnsafeMutableRawPointer
  let capacity: Int

  init(bytes: Int) {
    (pointer, capacity) = BufferPool.take(bytes)
  }

  deinit { BufferPool.giveBack(pointer, capacity) }
}

/// The memory that no tensor holds at the moment, by size.
public enum BufferPool {
  private struct Free: ~Copyable {
    var bySize: [Int: [UInt]] = [:]
    var idleBytes = 0
  }
  private static let free = Mutex(Free())

  /// Sizes are rounded up to eighths of a power of two, so that batches of nearly the same length share memory.
  static func capacity(for bytes: Int) -> Int {
    let least = max(bytes, 4096)
    let step = max(4096, 1 << (Int.bitWidth - 1 - least.leadingZeroBitCount - 3))
    return (least + step - 1) / step * step
  }

  static func take(_ bytes: Int) -> (UnsafeMutableRawPointer, Int) {
    let capacity = capacity(for: bytes)
    let reused = free.withLock { state -> UInt? in
      guard let address = state.bySize[capacity]?.popLast() else { return nil }
      state.idleBytes -= capacity
      return address
    }
    if let reused, let pointer = UnsafeMutableRawPointer(bitPattern: reused) { return (pointer, capacity) }
    var memory: UnsafeMutableRawPointer?
    guard posix_memalign(&memory, 64, capacity) == 0, let memory else {
      FileHandle.standardError.write(Data("motet: out of memory: \(capacity) bytes asked\n".utf8))
      exit(1)
    }
    return (memory, capacity)
  }

  static func giveBack(_ pointer: UnsafeMutableRawPointer, _ capacity: Int) {
    free.withLock { state in
      state.bySize[capacity, default: []].append(UInt(bitPattern: pointer))
      state.idleBytes += capacity
    }
  }

  /// Gives idle memory back to the system when more than `bytes` of it lies about.
  public static func trim(above bytes: Int = 0) {
    let idle = free.withLock { state -> [UInt] in
      guard state.idleBytes > bytes else { return [] }
      let all = state.bySize.values.flatMap { $0 }
      state.bySize.removeAll()
      state.idleBytes = 0
      return all
    }
    for address in idle { Foundation.free(UnsafeMutableRawPointer(bitPattern: address)) }
  }
}
