import MotetTensor

/// The full pages of sequences, kept for later ones that begin with the same tokens under the same mix and salt.
///
/// Pages are the nodes of a tree for each mix: a node stands for its tokens after those of its parents, so that equal
/// keys mean equal prefixes, with no hash to trust. The least recently used leaves go first when pages are short; a page
/// that a running sequence holds is not given back by leaving the tree, so those stay.
@Compute
final class PrefixCache {
  /// A page in the tree; 0 is above the first pages.
  typealias Place = Int

  private struct Key: Hashable {
    let mix: MixIdentity
    /// Of the first pages; those after one with a salt are under it.
    let salt: [String]
    let parent: Place
    let tokens: [Int32]

    init(_ mix: MixIdentity, _ salt: [String], _ parent: Place, _ tokens: ArraySlice<Int32>) {
      self.mix = mix
      self.salt = parent == 0 ? salt : []
      self.parent = parent
      self.tokens = Array(tokens)
    }
  }

  private struct Node {
    let key: Key
    var page: KeyValuePage
    var children = 0
    var lastUse: Int
  }

  private var pageTokens: Int { KeyValuePool.pageTokens }
  private var places: [Key: Place] = [:]
  private var nodes: [Place: Node] = [:]
  private var nextPlace = 1
  private var clock = 0

  /// Pages in the tree.
  var count: Int { nodes.count }

  /// The pages that begin `tokens`, all but the last token at most: that one has to go through the model.
  func match(
    _ tokens: [Int32], mix: MixIdentity, salt: [String] = []
  ) -> (pages: [KeyValuePage], place: Place) {
    var place = 0
    var pages: [KeyValuePage] = []
    clock += 1
    var end = pageTokens
    while end < tokens.count {
      let key = Key(mix, salt, place, tokens[end - pageTokens..<end])
      guard let next = places[key] else { break }
      nodes[next]?.lastUse = clock
      if let page = nodes[next]?.page { pages.append(page) }
      place = next
      end += pageTokens
    }
    return (pages, place)
  }

  /// Keeps a full page that follows those at `place`.
  /// - Returns: the place for the page after it
  func insert(
    _ page: KeyValuePage, tokens: ArraySlice<Int32>, mix: MixIdentity, salt: [String] = [], after place: Place
  ) -> Place? {
    // What it follows may have been given back meanwhile.
    guard place == 0 || nodes[place] != nil else { return nil }
    clock += 1
    let key = Key(mix, salt, place, tokens)
    if let known = places[key] {
      nodes[known]?.lastUse = clock
      return known
    }
    let new = nextPlace
    nextPlace += 1
    places[key] = new
    nodes[new] = Node(key: key, page: page, lastUse: clock)
    nodes[place]?.children += 1
    return new
  }

  /// Lets go of so many pages that nobody else holds, least recently used first.
  /// - Returns: how many went back to the pool
  @discardableResult
  func giveBack(_ wanted: Int) -> Int {
    var given = 0
    while given < wanted {
      // Only their places: a copy of a node would hold its page.
      let leaves = nodes.filter { $0.value.children == 0 }.map { ($0.value.lastUse, $0.key) }.sorted {
        $0 < $1
      }
      var progress = false
      for (_, place) in leaves where given < wanted && isFree(place) {
        remove(place)
        given += 1
        progress = true
      }
      guard progress else { break }
    }
    return given
  }

  private func isFree(_ place: Place) -> Bool {
    guard var node = nodes.removeValue(forKey: place) else { return false }
    defer { nodes[place] = node }
    return isKnownUniquelyReferenced(&node.page)
  }

  private func remove(_ place: Place) {
    guard let node = nodes.removeValue(forKey: place) else { return }
    places[node.key] = nil
    nodes[node.key.parent]?.children -= 1
  }
}
