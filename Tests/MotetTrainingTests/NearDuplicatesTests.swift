import Foundation
import Testing

@testable import MotetTraining

@Suite struct NearDuplicatesTests {
  private struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return mixed(state)
    }
  }

  private func sentence(_ words: Int, _ generator: inout Generator) -> [String] {
    (0..<words).map { _ in "w\(Int.random(in: 0..<5000, using: &generator))" }
  }

  private func pairs(_ texts: [String]) -> [NearDuplicates.Pair] {
    var finder = NearDuplicates()
    for (position, text) in texts.enumerated() { finder.add(text, at: position) }
    return finder.pairs { texts[$0] }
  }

  /// The set is constructed: each original is followed by a copy with so many words replaced; what is near is
  /// decided by the exact similarity.
  @Test func nearlyAllPairsAreFoundAndNoOthers() {
    var generator = Generator(state: 5)
    var texts: [String] = []
    for round in 0..<1500 {
      let words = sentence(60, &generator)
      var copy = words
      for _ in 0..<(round % 8) { copy[Int.random(in: 0..<60, using: &generator)] = "other\(round)" }
      texts += [words, copy].map { $0.joined(separator: " ") }
    }
    let shingles = texts.map { Shingles($0) }
    var near: Set<Int> = []
    for original in stride(from: 0, to: texts.count, by: 2)
    where shingles[original].jaccard(shingles[original + 1]) >= NearDuplicates.threshold {
      near.insert(original + 1)
    }
    let found = pairs(texts)
    #expect(found.allSatisfy { $0.position == $0.earlier + 1 && near.contains($0.position) })
    let recall = Double(found.count) / Double(near.count)
    #expect(near.count > 400 && near.count < 1200)
    #expect(recall > 0.97, "\(found.count) of \(near.count)")
  }

  @Test func similarityIsThatOfTheSetsOfShingles() {
    let a = Shingles("one two three four five six")
    let b = Shingles("One, two; three four FIVE seven")
    #expect(a.hashes.count == 4 && b.hashes.count == 4)
    #expect(a.jaccard(b) == 3.0 / 5)
    #expect(a.jaccard(a) == 1 && a.jaccard(Shingles("")) == 0)
    #expect(Shingles("Hi!").jaccard(Shingles("hi")) == 1)
    #expect(Shingles("Écoute ça").jaccard(Shingles("écoute ÇA")) == 1)
  }

  @Test func punctuationAndCaseDoNotHideADuplicate() {
    let found = pairs([
      "Nothing like it", "How far is the moon?", "how far, is the Moon", "北へ向かう列車は", "北へ、向かう列車は。", "…", "!",
    ])
    #expect(found.map(\.position) == [2, 4] && found.map(\.earlier) == [1, 3])
  }

  /// Ten thousand rows of one template: they share bands in masses, and must not be compared each with each.
  @Test func aTemplateDoesNotMakeItQuadratic() {
    let text =
      "please write a short and friendly answer to the following question of a customer about order number"
    let texts = (0..<10_000).map { "\(text) \($0) and \($0 * 7 % 10_007) today" }
    let began = ContinuousClock.now
    _ = pairs(texts)
    #expect(ContinuousClock.now - began < .seconds(20))
  }

  @Test func sortingByKeysKeepsEqualOnesInOrder() {
    var generator = Generator(state: 1)
    for count in [0, 1, 100, 5000] {
      let keys = (0..<count).map { _ in UInt32.random(in: 0...UInt32.max, using: &generator) & 0x3000_00ff }
      let expected = (0..<UInt32(count)).sorted { (keys[Int($0)], $0) < (keys[Int($1)], $1) }
      #expect(sortedPositions(of: keys) == expected)
      #expect(sortedPositions(of: keys.map { UInt64($0) << 32 }) == expected)
    }
  }
}
