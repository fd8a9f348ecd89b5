/// Cuts a text into words (a "pre-tokenizer"): one file a kind, one line in ``splitterKinds``.
protocol Splitter: PipelineStep {
  func split(_ words: inout Words)
}

/// The kinds of splitters.
let splitterKinds = StepKinds<any Splitter>(
  "pre-tokenizer", list: "pretokenizers",
  [
    ByteLevelSplitter.self,
    PatternSplitter.self,
    Digits.self,
    Punctuation.self,
    Whitespace.self,
    WhitespaceSplit.self,
    BertSplitter.self,
    MetaspaceSplitter.self,
    UnicodeScripts.self,
    DelimiterSplit.self,
    FixedLength.self,
  ])
