import Foundation

/// Memory that begins at a line of the processor's cache.
///
/// Not of `posix_memalign`: glibc before 2.38 looks there for a hole larger than what it leaves when such a block is
/// freed, so that blocks of one size, taken and given back among others that stay, leave one hole after another.
enum AlignedMemory {
  static let alignment = 64

  /// Ends the process where there is no more: nothing of a pass can be saved then.
  static func take(_ bytes: Int) -> UInt {
    guard let memory = malloc(bytes + alignment) else { exhausted(bytes) }
    let address = (UInt(bitPattern: memory) / UInt(alignment) + 1) * UInt(alignment)
    // malloc aligns to 16, so at least as many bytes lie before.
    UnsafeMutablePointer<UInt>(bitPattern: address - 8)?.pointee = UInt(bitPattern: memory)
    return address
  }

  /// - Parameter address: what ``take(_:)`` gave
  static func giveBack(_ address: UInt) {
    guard let start = UnsafeMutablePointer<UInt>(bitPattern: address - 8) else { return }
    free(UnsafeMutableRawPointer(bitPattern: start.pointee))
  }

  static func exhausted(_ bytes: Int) -> Never {
    FileHandle.standardError.write(Data("motet: out of memory: \(bytes) bytes asked\n".utf8))
    exit(1)
  }
}
