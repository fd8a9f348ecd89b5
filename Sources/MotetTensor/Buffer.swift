import Synchronization

/// Aligned memory that goes back to a pool when its last owner lets go.
///
/// Steps of a run ask for the same sizes again and again; fresh pages from the system would cost more than most
/// operators. Contents are undefined. Who may read or write them is decided by the compute thread, to which every
/// tensor is isolated.
final class Buffer: Sendable {
  private let address: UInt
  let capacity: Int

  init(bytes: Int) {
    (address, capacity) = BufferPool.take(bytes)
  }

  deinit { BufferPool.giveBack(address, capacity) }

  var pointer: UnsafeMutableRawPointer {
    // Not nil: the pool hands out addresses of memory.
    UnsafeMutableRawPointer(bitPattern: address).unsafelyUnwrapped
  }
}

/// The memory that no tensor holds at the moment.
///
/// Batches differ in length, so a block serves any request that fills at least half of it, and a request that none
/// serves takes the place of a smaller one: the pool comes to hold what the longest batch needs, once. Blocks that no
/// step has asked for lately go back to the system.
public enum BufferPool {
  private struct Block {
    let address: UInt
    let idleSince: Int
  }
  private struct Free: ~Copyable {
    /// By capacity, capacities ascending.
    var blocks: [(capacity: Int, idle: [Block])] = []
    var step = 0

    /// The first capacity that is at least `bytes`.
    func index(for bytes: Int) -> Int {
      var low = 0
      var high = blocks.count
      while low < high {
        let middle = (low + high) / 2
        if blocks[middle].capacity < bytes { low = middle + 1 } else { high = middle }
      }
      return low
    }
  }
  private static let free = Mutex(Free())

  /// Sizes are rounded up to eighths of a power of two.
  static func capacity(for bytes: Int) -> Int {
    let least = max(bytes, 4096)
    let step = max(4096, 1 << (Int.bitWidth - 1 - least.leadingZeroBitCount - 3))
    return (least + step - 1) / step * step
  }

  static func take(_ bytes: Int) -> (address: UInt, capacity: Int) {
    let capacity = capacity(for: bytes)
    var outgrown: UInt?
    let reused = free.withLock { state -> (UInt, Int)? in
      let first = state.index(for: capacity)
      var index = first
      while index < state.blocks.count, state.blocks[index].capacity <= 2 * capacity {
        if let block = state.blocks[index].idle.popLast() {
          return (block.address, state.blocks[index].capacity)
        }
        index += 1
      }
      index = first - 1
      while index >= 0, outgrown == nil, 2 * state.blocks[index].capacity >= capacity {
        outgrown = state.blocks[index].idle.popLast()?.address
        index -= 1
      }
      return nil
    }
    if let reused { return reused }
    if let outgrown { AlignedMemory.giveBack(outgrown) }
    return (AlignedMemory.take(capacity), capacity)
  }

  static func giveBack(_ address: UInt, _ capacity: Int) {
    free.withLock { state in
      let index = state.index(for: capacity)
      if index == state.blocks.count || state.blocks[index].capacity != capacity {
        state.blocks.insert((capacity, []), at: index)
      }
      state.blocks[index].idle.append(Block(address: address, idleSince: state.step))
    }
  }

  /// Says that a step is over: blocks that lay idle through `steps` of them go back to the system.
  public static func endStep(keeping steps: Int = 2) {
    let idle = free.withLock { state -> [UInt] in
      state.step += 1
      var old: [UInt] = []
      for index in state.blocks.indices {
        let limit = state.step - steps
        // The most recently used stand last.
        let count = state.blocks[index].idle.prefix { $0.idleSince < limit }.count
        old += state.blocks[index].idle.prefix(count).map(\.address)
        state.blocks[index].idle.removeFirst(count)
      }
      return old
    }
    for address in idle { AlignedMemory.giveBack(address) }
  }

  /// Gives all idle memory back to the system.
  public static func trim() {
    let idle = free.withLock { state -> [UInt] in
      let all = state.blocks.flatMap { $0.idle.map(\.address) }
      state.blocks = []
      return all
    }
    for address in idle { AlignedMemory.giveBack(address) }
  }
}
