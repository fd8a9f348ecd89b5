/// What a file turns out to be in place of weights or JSON: what downloads and clones leave when they go wrong.
///
///     version https://git-lfs.github.com/spec/v1      a pointer that `git lfs pull` replaces by the file
///     <!doctype html>…                                the page about a file, or one that asks to log in
package enum ForeignContent {
  /// Throws ``FormatError`` when `bytes`, the beginning of `file` or all of it, are those of another kind of file.
  package static func refuse(_ bytes: UnsafeRawBufferPointer, file: String) throws {
    guard let (problem, mend) = recognize(bytes) else { return }
    throw FormatError.malformed(file: file, place: "byte 0", problem: problem, mend: mend)
  }

  /// What the file is and what to do, of those that are known.
  package static func recognize(_ bytes: UnsafeRawBufferPointer) -> (problem: String, mend: String)? {
    let head = text(bytes.prefix(256))
    if head.hasPrefix("version https://git-lfs") {
      return (
        "it is a Git LFS pointer, not the file itself",
        "run `git lfs pull` in its folder, or download the file itself"
      )
    }
    let pages = ["<!doctype html", "<html", "<head", "<?xml", "<error>"]
    if pages.contains(where: head.hasPrefix) {
      return (
        "it is a web page, not the file itself",
        "download the file again (on the hub by /resolve/ in place of /blob/, and logged in if the model asks for it)"
      )
    }
    return nil
  }

  /// Recognizes foreign content in a text that is already read.
  package static func recognize(_ text: String) -> (problem: String, mend: String)? {
    var beginning = String(text.prefix(256))
    return beginning.withUTF8 { recognize(UnsafeRawBufferPointer($0)) }
  }

  /// The beginning in small letters, without white space and a byte order mark before it.
  private static func text(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
    let space: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D, 0xEF, 0xBB, 0xBF]
    return String(decoding: bytes.drop { space.contains($0) }, as: UTF8.self).lowercased()
  }
}
