import Foundation
import Testing

@testable import MotetTensor

@Suite struct AlignedMemoryTests {
  @Test(arguments: [1, 63, 64, 4096, 163_840, 3 << 20])
  func beginsAtALineAndHoldsWhatWasAsked(bytes: Int) throws {
    let address = AlignedMemory.take(bytes)
    defer { AlignedMemory.giveBack(address) }
    #expect(address % 64 == 0)
    let memory = try #require(UnsafeMutableRawPointer(bitPattern: address))
    memset(memory, 7, bytes)
    let isWritten = UnsafeRawBufferPointer(start: memory, count: bytes).allSatisfy { $0 == 7 }
    #expect(isWritten)
  }

  #if os(Linux)
    /// Blocks that lie between others that stay leave holes; the next of the same size go there, and memory does not grow.
    ///
    /// In a process of its own: in this one, other tests take what is given back.
    @Test func whatIsGivenBackServesTheNextOfTheSameSize() async {
      await #expect(processExitsWith: .success) {
        let bytes = 163_840
        var between: [UnsafeMutableRawPointer?] = []
        func taken() -> [UInt] {
          (0..<64).map { _ in
            defer { between.append(malloc(200)) }
            return AlignedMemory.take(bytes)
          }
        }
        // glibc maps blocks of this size each by itself until one is freed.
        for address in taken() { AlignedMemory.giveBack(address) }
        let first = taken()
        for address in first { AlignedMemory.giveBack(address) }
        let second = taken()
        #expect(Set(first).intersection(second).count > 48)
        for address in second { AlignedMemory.giveBack(address) }
        for pointer in between { free(pointer) }
      }
    }
  #endif
}
