import Foundation
import MotetAdapters
import Testing

@Suite struct MixSpecificationTests {
  private func library(_ name: String, version: Int? = nil) throws -> AdapterReference {
    .library(try AdapterName(name, version: version))
  }

  @Test func mixesAreReadAsTheyAreWritten() throws {
    #expect(try MixSpecification(parsing: "base") == .base)
    #expect(try MixSpecification(parsing: " math ").terms == [.init(adapter: library("math"))])
    #expect(
      try MixSpecification(parsing: "./out/math").terms == [.init(adapter: .folder(path: "./out/math"))])
    #expect(try MixSpecification(parsing: "/a/b").terms == [.init(adapter: .folder(path: "/a/b"))])
    #expect(
      try MixSpecification(parsing: "code=0.5 + math=0.4").terms
        == [.init(adapter: library("code"), weight: 0.5), .init(adapter: library("math"), weight: 0.4)])
    #expect(
      try MixSpecification(parsing: "math@3=0.7+./x=0.3").terms
        == [
          .init(adapter: library("math", version: 3), weight: 0.7),
          .init(adapter: .folder(path: "./x"), weight: 0.3),
        ])
    #expect(
      try MixSpecification(parsing: "a=1e+1+b=-2E-1").terms
        == [.init(adapter: library("a"), weight: 10), .init(adapter: library("b"), weight: -0.2)])
    #expect(
      try MixSpecification(parsing: #"./c\+\+\=1=0.5"#).terms
        == [.init(adapter: .folder(path: "./c++=1"), weight: 0.5)])
  }

  /// Each of these took seconds to minutes when its time grew with the square of its length.
  @Test func longTextsAreReadInTimeByTheirLength() throws {
    let began = ContinuousClock.now
    let terms = (0..<40_000).map { "a\($0)" }.joined(separator: "+")
    #expect(try MixSpecification(parsing: terms).terms.count == 40_000)
    #expect(throws: MixError.tooMany(most: 32)) { try MixSpecification(parsing: terms, most: 32) }
    for text in [
      "a=" + String(repeating: "1", count: 1_000_000), "a=1" + String(repeating: "e+1", count: 300_000),
      "a=" + String(repeating: "e", count: 1_000_000), String(repeating: "+", count: 1_000_000),
      String(repeating: "a", count: 1_000_000), "a" + String(repeating: "\u{301}", count: 1_000_000),
      String(repeating: " ", count: 1_000_000), String(repeating: "=", count: 1_000_000),
    ] {
      let error = #expect(throws: MixError.self) { try MixSpecification(parsing: text) }
      #expect(error?.description.utf8.count ?? 0 < 2_000)
    }
    let many = try (0..<40_000).map { MixSpecification.Term(adapter: try library("a\($0)")) }
    #expect(try MixSpecification(terms: many).terms.count == 40_000)
    #expect(throws: MixError.tooMany(most: 100)) { try MixSpecification(terms: many, most: 100) }
    #expect(ContinuousClock.now - began < .seconds(20))
  }

  @Test func aMixHasOneSpelling() throws {
    let spellings = [
      ("base", "base"), ("math=1.0", "math"), ("math=0.50+code", "code=1+math=0.5"),
      ("math@2=1e0", "math@2"), (#"./c\+\+=.25"#, #"./c\+\+=0.25"#), ("b=-1+a=3", "a=3+b=-1"),
    ]
    for (written, spelled) in spellings {
      #expect(try MixSpecification(parsing: written).description == spelled)
      #expect(try MixSpecification(parsing: spelled).description == spelled)
    }
  }

  @Test func whatIsNoMixIsRefusedWithItsPlace() {
    let cases: [(String, MixError)] = [
      ("", .empty), ("  ", .empty),
      ("+", .emptyTerm(position: 1, text: "+")),
      ("code=0.5++math", .emptyTerm(position: 2, text: "code=0.5++math")),
      ("code+", .emptyTerm(position: 2, text: "code+")),
      ("=0.5", .noAdapter(position: 1, text: "=0.5")),
      ("code=half", .weightNoNumber(text: "half", adapter: "code", position: 1)),
      ("code=", .weightNoNumber(text: "", adapter: "code", position: 1)),
      ("a=1+code=0.5=3", .weightNoNumber(text: "0.5=3", adapter: "code", position: 2)),
      ("code=nan", .weightNotFinite(text: "nan", adapter: "code", position: 1)),
      ("code=1e999", .weightNotFinite(text: "1e999", adapter: "code", position: 1)),
      ("math+code+math=0.5", .repeated(adapter: "math", position: 3)),
      ("math+base", .baseInMix(position: 2)),
      ("base=0.5", .baseInMix(position: 1)),
    ]
    for (text, expected) in cases {
      #expect(throws: expected, "\(text)") { try MixSpecification(parsing: text) }
    }
    for text in ["ma th", "math@x", "math@0", "math@", "math@-1", "..x", "-math", "mäth", "a=1+\u{7}"] {
      #expect("\(text)") { try MixSpecification(parsing: text) } throws: { error in
        guard case MixError.badAdapter = error else { return false }
        return !"\(error)".contains { $0.isNewline || $0 == "\u{7}" }
      }
    }
  }

  @Test func termsMadeInCodeAreCheckedToo() throws {
    let math = try library("math")
    #expect(throws: MixError.repeated(adapter: "math", position: 2)) {
      try MixSpecification(terms: [.init(adapter: math), .init(adapter: math, weight: 0.5)])
    }
    #expect(throws: MixError.weightNotFinite(text: "inf", adapter: "math", position: 1)) {
      try MixSpecification(terms: [.init(adapter: math, weight: .infinity)])
    }
  }

  @Test func termsResolveToFolders() throws {
    try withTemporaryFolder { root in
      let library = AdapterLibrary(root: root.appendingPathComponent("adapters"))
      try library.addTiny("math")
      let second = try library.addTiny("math")
      let other = root.appendingPathComponent("other")
      try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
      let mix = try MixSpecification(parsing: "math=0.5+\(other.path)=2").resolved(in: library)
      #expect(mix.map(\.folder.path) == [second.folder.path, other.path])
      #expect(mix.map(\.weight) == [0.5, 2])
      #expect(try MixSpecification.base.resolved(in: library).isEmpty)

      #expect(throws: MixError.repeated(adapter: "math@2", position: 2)) {
        try MixSpecification(parsing: "math+math@2").resolved(in: library)
      }
      #expect(throws: MixError.noFolder(path: "./no/where", isFile: false)) {
        try MixSpecification(parsing: "./no/where").resolved(in: library)
      }
      #expect {
        try MixSpecification(parsing: "maht").resolved(in: library)
      } throws: { "\($0)".contains("did you mean math?") }
    }
  }
}
