/// How text is split under each name that GGUF files write in `tokenizer.ggml.pre`.
///
/// The patterns are those of the models' own `tokenizer.json`, and so is the normal form of Unicode, which llama.cpp leaves
/// out. Source of the names: `llama-vocab.cpp` of llama.cpp.
struct NamedSplitting: Sendable {
  /// A step before the one that makes characters bytes.
  enum Step: Sendable {
    /// Isolates the matches of a regular expression.
    case pattern(String)
    case digits
    case punctuation
    /// GPT-2's pattern; the steps after it see bytes.
    case gpt2
    case digitRuns
  }

  var steps: [Step]
  /// Whether text is brought to NFC first.
  var composes = false
  var ignoresMerges = false
  /// Whether a text gets the token of the beginning unless the file says otherwise.
  var addsBos = false
  /// False: pieces are characters, with `▁` for a space and tokens for single bytes.
  var isByteLevel = true

  func normalizers() throws -> [any Normalizer] {
    if !isByteLevel { return [ReplaceNormalizer(try TextPattern(literal: " "), with: "▁")] }
    return composes ? [NFC(StepFields())] : []
  }

  func splitters() throws -> [any Splitter] {
    guard isByteLevel else { return [] }
    var splitters: [any Splitter] = []
    var isDone = false
    for step in steps {
      switch step {
      case .pattern(let expression):
        do {
          splitters.append(try PatternSplitter(isolating: expression))
        } catch let error as PatternError {
          throw TokenizerError.unsupported(file: "", what: "the expression \(expression): \(error.reason)")
        }
      case .digits: splitters.append(Digits(individually: true))
      case .digitRuns: splitters.append(Digits(individually: false))
      case .punctuation: splitters.append(Punctuation(.contiguous))
      case .gpt2:
        splitters.append(ByteLevelSplitter(usesPattern: true))
        isDone = true
      }
    }
    if !isDone { splitters.append(ByteLevelSplitter(usesPattern: false)) }
    return splitters
  }

  static let gpt2 = NamedSplitting(steps: [.gpt2])
  static let digits = NamedSplitting(steps: [.digits, .gpt2])

  // MARK: - Patterns

  private static let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
  private static let spaces = #"\s*[\r\n]+|\s+(?!\S)|\s+"#

  /// The pattern of tiktoken's `cl100k_base` with so many digits in a word.
  private static func cl100k(digits: String) -> String {
    "\(contractions)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\(digits)| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\(spaces)"
  }

  /// The pattern of tiktoken's `o200k_base` with so many digits in a word.
  private static func o200k(digits: String, contractions: String) -> String {
    let (upper, lower) = (#"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#, #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#)
    let lead = #"[^\r\n\p{L}\p{N}]?"#
    return "\(lead)\(upper)*\(lower)+\(contractions)|\(lead)\(upper)+\(lower)*\(contractions)|\(digits)"
      + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\(spaces)"
  }

  private static let deepSeekWords =
    ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"##
    + #"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  private static let bloomWords = #" ?[^(\s|.,!?…。，、।۔،)]+"#

  /// Letters of alphabets with cases, as DeepSeek LLM lists them.
  private static let casedLetters =
    "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\u{1F7D}"
    + "ᾀ-ᾴᾶ-ᾼ\u{1FBE}ῂ-ῄῆ-ῌῐ-\u{1FD3}ῖ-\u{1FDB}ῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u{2126}ℨ\u{212A}-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭ"
    + "Ꚁ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃"

  // MARK: - Names

  /// One line for each way to split, with the names it goes by.
  static let all: [String: NamedSplitting] = {
    let qwen2 = NamedSplitting(steps: [.pattern(cl100k(digits: #"\p{N}"#))], composes: true)
    let llama3 = NamedSplitting(steps: [.pattern(cl100k(digits: #"\p{N}{1,3}"#))])
    var (llama3Whole, gpt2Composed, tekken) = (llama3, gpt2, llama3)
    (llama3Whole.ignoresMerges, llama3Whole.addsBos) = (true, true)
    gpt2Composed.composes = true
    tekken.steps = [.pattern(o200k(digits: #"\p{N}"#, contractions: ""))]
    (tekken.ignoresMerges, tekken.addsBos) = (true, true)
    let gpt4o = NamedSplitting(
      steps: [.pattern(o200k(digits: #"\p{N}{1,3}"#, contractions: contractions + "?"))])
    let kanji = NamedSplitting.Step.pattern("[一-龥\u{3040}-ゟ゠-ヿ]+")
    let wideCJK = NamedSplitting.Step.pattern("[一-龥ࠀ-一가-\u{D7FF}]+")
    let table: [(names: [String], splitting: NamedSplitting)] = [
      (
        [
          "gpt-2", "gpt2", "phi-2", "jina-es", "jina-de", "jina-v1-en", "jina-v2-es", "jina-v2-de",
          "jina-v2-code",
          "roberta-bpe", "gigachat", "a.x-4.0", "mellum", "jais", "trillion", "granite-docling", "exaone4",
        ], gpt2
      ),
      (["mpt", "olmo", "modern-bert"], gpt2Composed),
      (
        [
          "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2",
        ], digits
      ),
      (
        [
          "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
          "jina-v5-nano",
        ], llama3Whole
      ),
      (["dbrx", "smaug-bpe", "glm4", "chatglm-bpe"], llama3),
      (
        [
          "qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "stablelm2", "hunyuan", "solar-open",
          "grok-2",
        ], qwen2
      ),
      (
        ["qwen35"],
        NamedSplitting(
          steps: [
            .pattern(
              "\(contractions)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\(spaces)"
            )
          ], composes: true)
      ),
      (["gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"], gpt4o),
      (["tekken"], tekken),
      (
        ["tiny_aya", "cohere2moe"],
        NamedSplitting(steps: [.pattern(#"\d{1,3}(?=(?:\d{3})*\b)"#)] + gpt4o.steps)
      ),
      (
        ["deepseek-llm"],
        NamedSplitting(steps: [
          .pattern("[\r\n]"), .pattern("\\s?[\(casedLetters)]+"),
          .pattern("\\s?[!-/:-~！-／：-～‘-‟\u{3000}-。]+"),
          .pattern(#"\s+$"#), wideCJK, .pattern(#"\p{N}+"#),
        ])
      ),
      (
        ["deepseek-coder"],
        NamedSplitting(steps: [
          .pattern("[\r\n]"), .pattern(#"\s?\p{L}+"#), .pattern(#"\s?\p{P}+"#), wideCJK, .digits,
        ])
      ),
      (
        ["deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"],
        NamedSplitting(steps: [.pattern(#"\p{N}{1,3}"#), kanji, .pattern(deepSeekWords)])
      ),
      (
        ["falcon"],
        NamedSplitting(steps: [.punctuation, .gpt2, .digitRuns, .pattern("[0-9][0-9][0-9]")])
      ),
      (["bloom", "poro-chat", "gpt3-finnish"], NamedSplitting(steps: [.pattern(bloomWords)])),
      (["viking"], NamedSplitting(steps: [.pattern(bloomWords), .digits])),
      (
        ["bailingmoe", "bailingmoe2", "llada-moe"],
        NamedSplitting(steps: [
          .pattern(
            #"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*"#
              + #"|\s*[\r\n]|\s+(?!\S)|\s+"#)
        ])
      ),
      (
        ["seed-coder"],
        NamedSplitting(steps: [
          .pattern(
            "\(contractions)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|\(spaces)")
        ])
      ),
      (["superbpe"], NamedSplitting(steps: [.pattern(#"\p{N}+"#), .pattern(#"(?=(\d{3})+(?!\d))"#)])),
      (
        ["chameleon"],
        NamedSplitting(
          steps: [
            .pattern("<sentinel:[0-9]+>"), .pattern("(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z"),
            .pattern(#"([\t\n]|    |  )"#), .digits, .pattern(#"[\p{P}!-/:-@\[-`{-~]"#), .gpt2,
          ], addsBos: true)
      ),
      (
        ["default"],
        NamedSplitting(steps: [
          .pattern(#"[\p{P}\$\+<=>\^~\|]+"#),
          .pattern(#"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"#),
          .pattern(#"\p{N}+"#), .pattern("[0-9][0-9][0-9]"),
        ])
      ),
      (["gemma4", "sarvam-moe"], NamedSplitting(steps: [], addsBos: true, isByteLevel: false)),
    ]
    return Dictionary(
      table.flatMap { row in row.names.map { ($0, row.splitting) } }, uniquingKeysWith: { first, _ in first })
  }()
}
