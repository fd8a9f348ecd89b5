import Foundation

/// Aligned memory of exactly the bytes that were asked for, zeros at first: for what stays, and is counted against a
/// budget. It goes back to the system with its last owner. Where several threads have it, whoever made it says who may
/// write.
final class ExactMemory: Sendable {
  private let address: UInt
  let byteCount: Int

  init(count: Int) {
    byteCount = count
    guard count < Self.hugePage else {
      address = Self.mapHugePages(count)
      return
    }
    address = AlignedMemory.take(max(count, 64))
    memset(pointer, 0, count)
  }

  deinit {
    guard byteCount >= Self.hugePage else { return AlignedMemory.giveBack(address) }
    munmap(pointer, Self.pages(byteCount))
  }

  private static let hugePage = 2 << 20

  /// Bytes of the whole pages that hold so many.
  private static func pages(_ count: Int) -> Int {
    let page = Int(getpagesize())
    return (count + page - 1) / page * page
  }

  /// Of the system, as zeros: malloc would keep a page more for each, and as much address space as alignment takes.
  private static func mapHugePages(_ count: Int) -> UInt {
    let size = pages(count)
    let whole = mmap(nil, size + hugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let whole, whole != MAP_FAILED else { AlignedMemory.exhausted(count) }
    let start = UInt(bitPattern: whole)
    let aligned = (start + UInt(hugePage) - 1) / UInt(hugePage) * UInt(hugePage)
    let before = Int(aligned - start)
    if before > 0 { munmap(whole, before) }
    if before < hugePage { munmap(whole + before + size, hugePage - before) }
    #if os(Linux)
      madvise(whole + before, size, Int32(MADV_HUGEPAGE))
    #endif
    return aligned
  }

  var pointer: UnsafeMutableRawPointer {
    // Not nil: it is an address of memory.
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
