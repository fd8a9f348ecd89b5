/// Byte strings with a number each, found by walking along a text byte by byte.
///
/// The children of a node lie side by side in the order of their bytes; the root's are found by a table.
struct ByteTrie: Sendable {
  private var labels: [UInt8] = [0]
  private var values: [Int32] = [-1]
  private var firstChild: [Int32] = [0]
  private var childCount: [UInt16] = [0]
  private var rootChildren = [Int32](repeating: -1, count: 256)

  static let root: Int32 = 0

  /// A trie of keys with their numbers, 0 or more. Of equal keys the last counts. Empty keys are left out.
  init(_ entries: [(key: ArraySlice<UInt8>, value: Int32)]) {
    let sorted = entries.filter { !$0.key.isEmpty }.enumerated().sorted {
      if $0.element.key.elementsEqual($1.element.key) { return $0.offset < $1.offset }
      return $0.element.key.lexicographicallyPrecedes($1.element.key)
    }.map(\.element)
    // Nodes are made level by level, so that the children of one are neighbours.
    var pending: [(node: Int, range: Range<Int>, depth: Int)] = [(0, 0..<sorted.count, 0)]
    var next = 0
    while next < pending.count {
      let (node, range, depth) = pending[next]
      next += 1
      var start = range.lowerBound
      while start < range.upperBound, sorted[start].key.count == depth {
        values[node] = sorted[start].value
        start += 1
      }
      firstChild[node] = Int32(labels.count)
      while start < range.upperBound {
        let label = sorted[start].key[sorted[start].key.startIndex + depth]
        var end = start + 1
        while end < range.upperBound, sorted[end].key[sorted[end].key.startIndex + depth] == label {
          end += 1
        }
        pending.append((labels.count, start..<end, depth + 1))
        labels.append(label)
        values.append(-1)
        firstChild.append(0)
        childCount.append(0)
        childCount[node] += 1
        start = end
      }
    }
    for child in Int(firstChild[0])..<(Int(firstChild[0]) + Int(childCount[0])) {
      rootChildren[Int(labels[child])] = Int32(child)
    }
  }

  var isEmpty: Bool { childCount[0] == 0 }

  /// The node that `byte` leads to, or -1.
  @inline(__always)
  func child(of node: Int32, _ byte: UInt8) -> Int32 {
    if node == Self.root { return rootChildren[Int(byte)] }
    var low = Int(firstChild[Int(node)])
    var high = low + Int(childCount[Int(node)])
    let end = high
    while high - low > 8 {
      let middle = (low + high) / 2
      if labels[middle] < byte { low = middle + 1 } else { high = middle }
    }
    // The byte is at or after `low`.
    while low < end, labels[low] < byte { low += 1 }
    return low < end && labels[low] == byte ? Int32(low) : -1
  }

  /// The number of the key that ends at a node, or -1.
  @inline(__always)
  func value(at node: Int32) -> Int32 { values[Int(node)] }

  /// The longest key that `text` begins with from `start` on.
  func longestMatch(in text: UnsafeBufferPointer<UInt8>, from start: Int, to limit: Int) -> (
    end: Int, value: Int32
  )? {
    var found: (Int, Int32)?
    var node = Self.root
    var position = start
    while position < limit {
      node = child(of: node, text[position])
      if node < 0 { break }
      position += 1
      if values[Int(node)] >= 0 { found = (position, values[Int(node)]) }
    }
    return found
  }
}
