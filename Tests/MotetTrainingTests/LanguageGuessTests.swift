import Foundation
import Testing

@testable import MotetTraining

/// Tests/Fixtures/languages.json: sentences written for this test; no word list was made from them. The cues of code
/// were mended after its examples here had failed, so for code the share says less.
@Suite struct LanguageGuessTests {
  static func guess(_ text: String) -> Language {
    var text = text
    return text.withUTF8 { LanguageGuess.shared.language(of: $0) }
  }

  static func sentences() throws -> [(language: Language, text: String)] {
    let file = TinyModel.folder.appending(path: "../languages.json")
    let sentences = try JSONDecoder().decode([String: [String]].self, from: Data(contentsOf: file))
    return try sentences.sorted { $0.key < $1.key }.flatMap { name, texts in
      let language = try #require(Language(rawValue: name))
      return texts.map { (language, $0) }
    }
  }

  /// What is unsure may be called unknown; what is called wrongly misleads.
  @Test func mostSentencesAreToldAndFewWrongly() throws {
    let sentences = try Self.sentences()
    var right = 0
    var wrong: [String] = []
    for (language, text) in sentences {
      let guess = Self.guess(text)
      if guess == language { right += 1 } else { wrong.append("\(language) as \(guess): \(text)") }
    }
    let called = wrong.filter { !$0.contains(" as unknown") }
    #expect(Set(sentences.map(\.language)) == Set(Language.allCases))
    #expect(Double(right) / Double(sentences.count) >= 0.84, "\(wrong.joined(separator: "\n"))")
    #expect(Double(called.count) / Double(sentences.count) <= 0.02, "\(called.joined(separator: "\n"))")
  }

  /// All sentences of a language together leave no doubt.
  @Test func paragraphsAreAlwaysTold() throws {
    let byLanguage = Dictionary(grouping: try Self.sentences(), by: \.language)
    for (language, sentences) in byLanguage where language != .unknown {
      #expect(Self.guess(sentences.map(\.text).joined(separator: "\n")) == language)
    }
  }

  @Test func longTextsAreJudgedByTheirBeginning() {
    let text = String(repeating: "the cat and the dog are in the house; ", count: 100)
    #expect(Self.guess(text + String(repeating: "der Hund und die Katze ", count: 1000)) == .english)
    // The sample ends within a letter.
    #expect(Self.guess(String(repeating: "кошка и собака это мыши ", count: 100)) == .russian)
  }

  @Test func damagedTextDoesNotCrash() {
    for length in 0..<40 {
      let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ length &* 31 | 0x80) }
      bytes.withUnsafeBufferPointer { bytes in
        #expect(Language.allCases.contains(LanguageGuess.shared.language(of: bytes)))
        SensitiveText(bytes: bytes).scan { _ in }
      }
    }
  }
}
