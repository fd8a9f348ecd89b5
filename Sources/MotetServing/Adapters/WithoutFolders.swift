/// A text in which every absolute path is down to its last part: who asks a server is not told where its files lie.
///
///     withoutFolders("cannot read /srv/adapters/math/motet.json: it is empty")   // cannot read motet.json: it is empty
func withoutFolders(_ text: String) -> String {
  let ends: Set<Character> = [" ", "\t", "\n", "\"", "'", "`", "(", ")", ",", ";", "<", ">"]
  var result = ""
  var word = ""
  func endWord() {
    result += shortened(word)
    word = ""
  }
  for character in text {
    if ends.contains(character) {
      endWord()
      result.append(character)
    } else {
      word.append(character)
    }
  }
  endWord()
  return result
}

/// A word without the folders of a path that it is.
private func shortened(_ word: String) -> String {
  let path = word.hasPrefix("file://") ? word.dropFirst(7) : word[...]
  guard path.hasPrefix("/") || path.hasPrefix("~/"), path.count > 1 else { return word }
  let parts = path.split(separator: "/")
  return parts.last.map(String.init) ?? word
}
