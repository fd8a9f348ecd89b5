import Foundation

/// Aligned memory of exactly the bytes that were asked for, zeros at first: for what stays, and is counted against a
/// budget. It goes back to the system with its last owner. Where several threads have it, whoever made it says who may
/// write.
final class ExactMemory: Sendable {
  private let address: UInt
  let byteCount: Int

  init(count: Int) {
    var memory: UnsafeMutableRawPointer?
    guard posix_memalign(&memory, count >= 2 << 20 ? 2 << 20 : 64, max(count, 64)) == 0, let memory else {
      FileHandle.standardError.write(Data("motet: out of memory: \(count) bytes asked\n".utf8))
      exit(1)
    }
    #if os(Linux)
      if count >= 2 << 20 { madvise(memory, count, Int32(MADV_HUGEPAGE)) }
    #endif
    memset(memory, 0, count)
    address = UInt(bitPattern: memory)
    byteCount = count
  }

  deinit { free(UnsafeMutableRawPointer(bitPattern: address)) }

  var pointer: UnsafeMutableRawPointer {
    // Not nil: posix_memalign gave it.
    UnsafeMutableRawPointer(bitPattern: address).unsafelyUnwrapped
  }

  func bytes(_ range: Range<Int>) -> UnsafeMutablePointer<UInt8> {
    (pointer + range.lowerBound).assumingMemoryBound(to: UInt8.self)
  }

  func floats(_ range: Range<Int>) -> UnsafeMutablePointer<Float> {
    (pointer + range.lowerBound).assumingMemoryBound(to: Float.self)
  }

  func data(_ range: Range<Int>) -> Data {
    withExtendedLifetime(self) { Data(bytes: bytes(range), count: range.count) }
  }

  func take(_ source: UnsafeRawBufferPointer, at range: Range<Int>) {
    precondition(source.count == range.count, "\(source.count) bytes where \(range.count) are due")
    if let base = source.baseAddress {
      (pointer + range.lowerBound).copyMemory(from: base, byteCount: range.count)
    }
  }
}
