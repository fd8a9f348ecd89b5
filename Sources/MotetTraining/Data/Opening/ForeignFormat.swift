import Foundation

/// A format that is not read, and what turns a file of it into one that is.
struct ForeignFormat {
  let name: String
  /// A command, or what else to do.
  let instead: String

  /// The format of a file that begins with `head`; nil for text.
  static func of(_ head: [UInt8], path: String) -> ForeignFormat? {
    let ending = URL(filePath: path).pathExtension.lowercased()
    for known in all where known.matches(head) && (known.endings.isEmpty || known.endings.contains(ending)) {
      return ForeignFormat(name: known.name, instead: filled(known.instead, path: path))
    }
    return nil
  }

  private struct Known {
    let name: String
    let instead: String
    /// For formats that share a container; empty for all.
    var endings: [String] = []
    let matches: @Sendable ([UInt8]) -> Bool

    init(_ name: String, _ bytes: [UInt8], at offset: Int = 0, endings: [String] = [], _ instead: String) {
      self.init(name, endings: endings, instead) { $0.dropFirst(offset).starts(with: bytes) }
    }

    init(_ name: String, _ text: String, at offset: Int = 0, _ instead: String) {
      self.init(name, Array(text.utf8), at: offset, instead)
    }

    init(
      _ name: String, endings: [String] = [], _ instead: String,
      matches: @escaping @Sendable ([UInt8]) -> Bool
    ) {
      self.name = name
      self.instead = instead
      self.endings = endings
      self.matches = matches
    }
  }

  /// `FILE` stands for the path, `STEM` for the path without its ending, `NAME` for the file's own name.
  private static let all: [Known] = [
    Known("a Parquet file", "PAR1", pandas("read_parquet")),
    Known("an Arrow file", "ARROW1", pandas("read_feather")),
    Known("a Feather file", "FEA1", pandas("read_feather")),
    Known(
      "an Arrow stream", [0xFF, 0xFF, 0xFF, 0xFF],
      "python3 -c \"import datasets; datasets.Dataset.from_file('FILE').to_json('STEM.jsonl')\""),
    Known("an Excel workbook", zip, endings: ["xlsx", "xlsm"], pandas("read_excel")),
    Known("an OpenDocument sheet", zip, endings: ["ods"], pandas("read_excel")),
    Known(
      "a word processor's file", zip, endings: ["docx", "odt", "epub"], "pandoc FILE -t plain -o STEM.txt"),
    Known("a NumPy archive", zip, endings: ["npz"], "write its rows with json.dumps, one a line"),
    Known("a zip archive", zip, "unzip FILE"),
    Known("an Excel workbook", [0xD0, 0xCF, 0x11, 0xE0], pandas("read_excel")),
    Known(
      "an SQLite database", "SQLite format 3\0",
      "sqlite3 -csv -header FILE 'SELECT * FROM TABLE' > STEM.csv"),
    Known(
      "a Python pickle, which can run code of whoever made it",
      "if you trust it: " + pandas("read_pickle")
    ) { $0.count > 2 && $0[0] == 0x80 && (2...5).contains($0[1]) },
    Known("a NumPy array", "\u{93}NUMPY", "write its rows with json.dumps, one a line"),
    Known("compressed by zstd", [0x28, 0xB5, 0x2F, 0xFD], "zstd -d FILE"),
    Known("compressed by xz", [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], "xz -dk FILE"),
    Known("compressed by bzip2", "BZh", "bunzip2 -k FILE"),
    Known("a tar archive", "ustar", at: 257, "tar xf FILE"),
    Known("UTF-16 text", [0xFF, 0xFE], "iconv -f UTF-16 -t UTF-8 FILE > utf8-NAME"),
    Known("UTF-16 text", [0xFE, 0xFF], "iconv -f UTF-16 -t UTF-8 FILE > utf8-NAME"),
    Known("a PDF", "%PDF-", "pdftotext FILE STEM.txt"),
    Known("a Git LFS pointer, not the rows themselves", "version https://git-lfs.github.com", "git lfs pull"),
    Known("a web page, not rows", "fetch the file itself (on the hub a link with /resolve/, not /blob/)") {
      let start = String(decoding: $0.prefix(64).drop { $0.isWhiteSpace }, as: UTF8.self).lowercased()
      return start.hasPrefix("<!doctype html") || start.hasPrefix("<html")
    },
    Known("binary data", "write its rows as JSON, one a line (STEM.jsonl)") { $0.prefix(4096).contains(0) },
  ]

  private static let zip: [UInt8] = [0x50, 0x4B, 0x03, 0x04]

  private static func pandas(_ read: String) -> String {
    "python3 -c \"import pandas; pandas.\(read)('FILE').to_json('STEM.jsonl', orient='records', lines=True, "
      + "force_ascii=False)\""
  }

  private static func filled(_ command: String, path: String) -> String {
    let url = URL(filePath: path)
    return command.replacing("STEM", with: url.deletingPathExtension().relativePath)
      .replacing("FILE", with: path).replacing("NAME", with: url.lastPathComponent)
  }
}
