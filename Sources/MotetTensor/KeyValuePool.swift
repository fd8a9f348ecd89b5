import CKernels
import Synchronization

/// The memory for the keys and values of sequences, in pages of ``pageTokens`` positions that hold every layer's part.
///
/// A page is taken when a sequence reaches it and given back when its last owner lets go, so that sequences that begin
/// alike can share their first pages.
public final class KeyValuePool: Sendable {
  /// Positions of a page.
  public static let pageTokens = Int(MK_PAGE_TOKENS)

  public let layers: Int
  public let shape: AttentionShape
  /// What keys and values are held in.
  public let storage: ActivationStorage
  /// Pages there may be at one time.
  public let pageCount: Int
  private struct State {
    var used = 0
    var idle: [ExactMemory] = []
  }
  private let state = Mutex(State())

  /// - Parameters:
  ///   - storage: bf16 becomes f32 where the processor has no units for it
  ///   - budget: bytes at most, of which there is always room for one page; nil for as many as are asked for
  public init(layers: Int, shape: AttentionShape, storage: ActivationStorage, budget: Int? = nil) {
    self.layers = layers
    self.shape = shape
    let isNarrow = storage == .bf16 && mk_attention_bf16_fits(Int64(shape.headDimension))
    self.storage = isNarrow ? .bf16 : .f32
    layerBytes = Int(withUnsafePointer(to: Self.described(shape, self.storage), mk_page_layer_bytes))
    let pageBytes = layers * layerBytes
    pageCount = budget.map { max(1, $0 / pageBytes) } ?? .max
  }

  let layerBytes: Int

  /// Bytes of a page.
  public var pageBytes: Int { layers * layerBytes }
  /// Pages that somebody has.
  public var usedPages: Int { state.withLock { $0.used } }
  public var freePages: Int { pageCount - usedPages }

  private static func described(
    _ shape: AttentionShape, _ storage: ActivationStorage
  ) -> mk_cache_shape {
    mk_cache_shape(
      kv_heads: Int64(shape.kvHeads), dimension: Int64(shape.headDimension),
      type: Int32(storage == .bf16 ? MK_BF16 : MK_F32))
  }

  var described: mk_cache_shape { Self.described(shape, storage) }

  /// A page that nobody has, filled with zeros; nil when there may be no more.
  fileprivate func take() -> KeyValuePage? {
    let found = state.withLock { state -> (isFree: Bool, buffer: ExactMemory?) in
      guard state.used < pageCount else { return (false, nil) }
      state.used += 1
      return (true, state.idle.popLast())
    }
    guard found.isFree else { return nil }
    let buffer = found.buffer ?? ExactMemory(count: pageBytes)
    // What is not written yet is multiplied by weights of zero.
    if found.buffer != nil { buffer.pointer.initializeMemory(as: UInt8.self, repeating: 0, count: pageBytes) }
    return KeyValuePage(buffer: buffer, pool: self)
  }

  fileprivate func giveBack(_ buffer: ExactMemory) {
    state.withLock { state in
      state.used -= 1
      state.idle.append(buffer)
    }
  }

  /// Gives the memory of pages that nobody has back to the system.
  public func trim() { state.withLock { $0.idle = [] } }
}

/// Keys and values of ``KeyValuePool/pageTokens`` positions in every layer; goes back to its pool by itself. Only passes
/// on the compute thread read or write it.
public final class KeyValuePage: Sendable {
  private let buffer: ExactMemory
  private let pool: KeyValuePool

  fileprivate init(buffer: ExactMemory, pool: KeyValuePool) {
    self.buffer = buffer
    self.pool = pool
  }

  deinit { pool.giveBack(buffer) }

  var pointer: UnsafeMutableRawPointer { buffer.pointer }
}

/// One sequence's keys and values.
@Compute
public final class KeyValueCache {
  public let pool: KeyValuePool
  /// Those that hold its positions, and what is reserved for more.
  public private(set) var pages: [KeyValuePage] = []
  /// Positions held.
  public private(set) var length = 0
  private(set) var pointers: [UnsafeMutableRawPointer?] = []

  public init(in pool: KeyValuePool) { self.pool = pool }

  /// Makes room for so many positions in all.
  /// - Returns: false when the pool has no more pages; nothing is taken then
  public func reserve(_ tokens: Int) -> Bool {
    let wanted = (tokens + KeyValuePool.pageTokens - 1) / KeyValuePool.pageTokens
    guard wanted - pages.count <= pool.freePages else { return false }
    while pages.count < wanted, let page = pool.take() { append(page) }
    return pages.count >= wanted
  }

  /// Begins with full pages of an earlier sequence of the same tokens and mix, which nobody writes to any more.
  /// - Precondition: it is empty
  public func share(_ earlier: [KeyValuePage]) {
    precondition(pages.isEmpty && length == 0)
    earlier.forEach(append)
    length = pages.count * KeyValuePool.pageTokens
  }

  /// Forgets positions from `length` on, and gives back the pages that held nothing else.
  public func truncate(to length: Int) {
    guard length < self.length else { return }
    self.length = length
    let kept = (length + KeyValuePool.pageTokens - 1) / KeyValuePool.pageTokens
    pages.removeSubrange(kept...)
    pointers.removeSubrange(kept...)
  }

  /// Gives all pages back, those too that were reserved and not reached.
  public func clear() {
    length = 0
    pages = []
    pointers = []
  }

  private func append(_ page: KeyValuePage) {
    pages.append(page)
    pointers.append(page.pointer)
  }

  /// Says that a pass has written every layer up to `length`.
  public func advance(to length: Int) { self.length = length }

  /// What a layer holds of the first `count` positions: keys after rotation, and values, `[count, kvWidth]` each.
  public func rows(ofLayer layer: Int, count: Int) -> (keys: [Float], values: [Float]) {
    let width = pool.shape.kvWidth
    var shape = pool.described
    var keys = [Float](repeating: 0, count: count * width)
    var values = keys
    for place in 0..<count {
      let page = pages[place / KeyValuePool.pageTokens].pointer + layer * pool.layerBytes
      keys.withUnsafeMutableBufferPointer { keys in
        values.withUnsafeMutableBufferPointer { values in
          mk_page_read(
            &shape, page, Int64(place % KeyValuePool.pageTokens), keys.baseAddress.map { $0 + place * width },
            values.baseAddress.map { $0 + place * width })
        }
      }
    }
    return (keys, values)
  }
}
