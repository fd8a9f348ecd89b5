import Foundation
import MotetFormats
import MotetTokenizers
import Testing

/// How the renderings of one template compare with those of `transformers`.
struct ChatComparison {
  var (rendered, refused, more, failed, texts, ids, masks, masked) = (0, 0, 0, 0, 0, 0, 0, 0)
  var examples: [String] = []

  var differences: Int { failed + texts + ids + masks }

  mutating func compare(
    _ row: ChatFixture.Row, _ chat: ChatFixture.Chat, _ template: ChatTemplate, with tokenizer: Tokenizer
  ) {
    do {
      let text = try template.text(chat.messages, addGenerationPrompt: row.prompt, inputs: chat.inputs)
      // To templates that print a list of parts as one, or leave it out, these are given joined here.
      let hasParts = chat.messages.contains { $0.parts != nil }
      guard let expected = row.text, template.takesParts || !hasParts else {
        more += 1
        return
      }
      rendered += 1
      if !text.utf8.elementsEqual(expected.utf8) {
        texts += 1
        let place = zip(text.utf8, expected.utf8).prefix { $0 == $1 }.reduce(0) { count, _ in count + 1 }
        func near(_ text: String) -> String {
          String(decoding: text.utf8.dropFirst(max(0, place - 30)).prefix(90), as: UTF8.self)
        }
        examples.append(
          "chat \(row.chat) \(row.prompt): \(near(text).debugDescription) is not \(near(expected).debugDescription)"
        )
      }
      let tokens = try template.tokens(
        chat.messages, with: tokenizer, addGenerationPrompt: row.prompt, inputs: chat.inputs)
      if tokens != row.ids { ids += 1 }
      if let mask = row.mask {
        masked += 1
        let labelled = try template.encode(
          chat.messages, with: tokenizer, addGenerationPrompt: row.prompt, inputs: chat.inputs
        ).labelled
        if labelled.map({ $0 ? 1 : 0 }) != mask {
          masks += 1
          examples.append("chat \(row.chat) \(row.prompt): the mask differs")
        }
      }
    } catch {
      guard row.text != nil else {
        refused += 1
        return
      }
      failed += 1
      examples.append("chat \(row.chat) \(row.prompt): \(error)")
    }
  }
}

/// The labels of a template whose `{% generation %}` tags are taken out, beside what `transformers` marks by them.
struct LabelComparison {
  let template: ChatTemplate
  var (same, alike, different, refused) = (0, 0, 0, 0)
  var examples: [String] = []

  init?(_ source: String) throws {
    guard source.contains("endgeneration") else { return nil }
    let plain = source.replacing("endgeneration", with: "endif").replacing(
      try Regex(#"(\{%[-+]?\s*)generation\b"#)
    ) { "\($0.output[1].substring ?? "")if true" }
    template = try ChatTemplate(jinja: plain, specialTokens: ChatFixture.tokens)
  }

  mutating func compare(_ row: ChatFixture.Row, _ chat: ChatFixture.Chat, with tokenizer: Tokenizer) {
    guard let mask = row.mask, let ids = row.ids else { return }
    do {
      let (tokens, labelled) = try template.encode(
        chat.messages, with: tokenizer, addGenerationPrompt: row.prompt, inputs: chat.inputs)
      if tokens == ids, labelled.map({ $0 ? 1 : 0 }) == mask {
        same += 1
        return
      }
      func stretches(_ isIn: (Int) -> Bool) -> [String] {
        tokens.indices.map { isIn($0) ? tokenizer.decode([tokens[$0]]) : "·" }.joined().split(separator: "·")
          .map { String($0).trimmingCharacters(in: .whitespacesAndNewlines) }
      }
      func shown(_ isIn: (Int) -> Bool) -> String { stretches(isIn).joined(separator: "·").debugDescription }
      if stretches({ labelled[$0] }) == stretches({ $0 < mask.count && mask[$0] == 1 }) {
        alike += 1
        return
      }
      different += 1
      examples.append(
        "chat \(row.chat) \(row.prompt): \(shown { labelled[$0] }) is not \(shown { $0 < mask.count && mask[$0] == 1 })"
      )
    } catch {
      refused += 1
      examples.append("chat \(row.chat) \(row.prompt): \(error)")
    }
  }
}

/// Templates of real models, which are not part of this repository: `Tests/Fixtures/templates.py full` makes the file.
@Suite(.enabled(if: ChatFixture.realTemplates != nil)) struct ChatTemplateFullCheck {
  @Test func renderingsAreThoseOfTransformers() throws {
    let file = try #require(ChatFixture.realTemplates)
    let lines = try Data(contentsOf: file).split(separator: UInt8(ascii: "\n"))
    let head = try ChatFixture.json(Data(try #require(lines.first)), named: file.path)
    let chats = try ChatFixture.chats(head["chats"])
    let tokenizer = try Tokenizer(tokenizerJSON: URL(filePath: file.path + ".tokenizer.json"))
    var templates: [String: ChatTemplate] = [:]
    var comparisons: [String: ChatComparison] = [:]
    var labels: [String: LabelComparison] = [:]
    guard case .object(let sources)? = head["sources"] else { return }
    for source in sources {
      guard case .string(let text) = source.value else { continue }
      do {
        templates[source.name] = try ChatTemplate(jinja: text, specialTokens: ChatFixture.tokens)
      } catch {
        print("\(source.name): \(error)")
      }
      comparisons[source.name] = ChatComparison()
      labels[source.name] = try LabelComparison(text)
    }
    for line in lines.dropFirst() {
      let row = try JSONDecoder().decode(ChatFixture.Row.self, from: Data(line))
      // Of a content that is a text such a template writes nothing; here it is given a list.
      guard let template = templates[row.name],
        !template.wantsParts || chats[row.chat].messages.allSatisfy({ $0.parts != nil })
      else { continue }
      comparisons[row.name]?.compare(row, chats[row.chat], template, with: tokenizer)
      labels[row.name]?.compare(row, chats[row.chat], with: tokenizer)
    }
    var total = ChatComparison()
    print(
      "template | rendered | refused by both | only here | not here | text differs | ids differ | mask differs/of"
    )
    for (name, one) in comparisons.sorted(by: { $0.key < $1.key }) {
      print(
        "\(name) | \(one.rendered) | \(one.refused) | \(one.more) | \(one.failed) | \(one.texts) | \(one.ids) | \(one.masks)/\(one.masked)"
      )
      for example in one.examples.prefix(3) { print("    \(example)") }
      total.rendered += one.rendered
      total.refused += one.refused
      total.more += one.more
      total.failed += one.failed
      total.texts += one.texts
      total.ids += one.ids
      total.masks += one.masks
      total.masked += one.masked
    }
    print("template without its generation tags | same labels | but for white space | other labels | refused")
    for (name, one) in labels.sorted(by: { $0.key < $1.key }) {
      print("\(name) | \(one.same) | \(one.alike) | \(one.different) | \(one.refused)")
      for example in one.examples.prefix(4) { print("    \(example)") }
    }
    print("in all: \(total)".prefix(400))
    #expect(total.differences == 0)
  }
}
