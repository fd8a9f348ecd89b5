import MotetTokenizers
import Testing

func checkLines(_ name: String, with tokenizer: Tokenizer) throws {
  let lines = try TokenizerFixtures.read(name, as: [TokenizerFixtures.Line].self)
  try #require(lines.count > 200)
  for line in lines {
    #expect(line.agrees(with: tokenizer), "\(line.text.debugDescription)")
  }
}

func checkDecodings(_ name: String, with tokenizer: Tokenizer) throws {
  let rows = try TokenizerFixtures.read(name, as: [TokenizerFixtures.Decoding].self)
  try #require(rows.count > 100)
  for row in rows {
    for (skipping, text) in [(false, row.text), (true, row.skipping)] {
      let whole = tokenizer.decode(row.ids, skippingSpecialTokens: skipping)
      #expect(whole.utf8.elementsEqual(text.utf8), "\(row.ids)")
      var decoder = StreamingDecoder(tokenizer, skippingSpecialTokens: skipping)
      let streamed = row.ids.map { decoder.append($0) }.joined() + decoder.finish()
      #expect(streamed.utf8.elementsEqual(text.utf8), "\(row.ids)")
    }
  }
}

func checkConversations(_ name: String, with tokenizer: Tokenizer) throws {
  let expected = try TokenizerFixtures.read(name, as: TokenizerFixtures.Conversations.self)
  let template = try ChatTemplate(jinja: expected.template)
  try #require(expected.rows.count >= 20)
  for row in expected.rows {
    let text = try template.text(row.messages, addGenerationPrompt: row.addGenerationPrompt)
    #expect(text.utf8.elementsEqual(row.text.utf8))
    let (tokens, labelled) = try template.encode(
      row.messages, with: tokenizer, addGenerationPrompt: row.addGenerationPrompt)
    #expect(tokens == row.ids, "\(row.text.debugDescription)")
    #expect(labelled == row.labelled, "\(row.text.debugDescription)")
  }
}
