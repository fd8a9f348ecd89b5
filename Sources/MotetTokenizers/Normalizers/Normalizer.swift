/// Rewrites a text before it is split: one file a kind, one line in ``normalizerKinds``.
protocol Normalizer: PipelineStep {
  func normalize(_ text: AlignedText) -> AlignedText
}

/// The kinds of normalizers.
let normalizerKinds = StepKinds<any Normalizer>(
  "normalizer", list: "normalizers",
  [
    NFC.self,
    NFD.self,
    NFKC.self,
    NFKD.self,
    Lowercase.self,
    StripNormalizer.self,
    StripAccents.self,
    ReplaceNormalizer.self,
    Prepend.self,
    BertNormalizer.self,
    Precompiled.self,
    Nmt.self,
    ByteLevelNormalizer.self,
  ])
