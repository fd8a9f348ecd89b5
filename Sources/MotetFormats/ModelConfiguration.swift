import Foundation

/// What a decoder of the Llama family is made of, read from a Hugging Face `config.json` or from GGUF metadata.
///
/// Whatever would change the computation and is not computed here (biases, RoPE scaling, partial rotation,
/// another activation) is refused when the file is read, never passed over.
public struct ModelConfiguration: Sendable, Codable, Equatable {
  /// `model_type` in Hugging Face's terms: `llama`.
  public var architecture: String
  /// Width of the residual stream.
  public var hiddenSize: Int
  /// Width inside the feed-forward block.
  public var intermediateSize: Int
  public var layers: Int
  /// Query heads.
  public var heads: Int
  /// Key and value heads; `heads` is a multiple of it.
  public var kvHeads: Int
  /// Width of one head, even.
  public var headDimension: Int
  /// Rows of the embedding.
  public var vocabulary: Int
  /// Base of the rotary frequencies.
  public var ropeTheta: Double
  public var rmsNormEpsilon: Double
  /// The longest sequence the model was trained for, in tokens.
  public var maximumPositions: Int
  /// Whether the head is the embedding, transposed.
  public var tieWordEmbeddings: Bool
  public var bosToken: Int?
  /// Tokens that end a text; the first is the main one.
  public var eosTokens: [Int]
  public var padToken: Int?

  /// Architectures whose computation is known.
  public static let architectures: Set<String> = ["llama"]

  /// Made from parts; throws ``FormatError`` unless every part is possible and they fit one another.
  public init(
    architecture: String = "llama", hiddenSize: Int, intermediateSize: Int, layers: Int, heads: Int,
    kvHeads: Int, headDimension: Int, vocabulary: Int, ropeTheta: Double, rmsNormEpsilon: Double,
    maximumPositions: Int, tieWordEmbeddings: Bool, bosToken: Int? = nil, eosTokens: [Int] = [],
    padToken: Int? = nil, file: String = "model configuration"
  ) throws {
    self.architecture = architecture
    self.hiddenSize = hiddenSize
    self.intermediateSize = intermediateSize
    self.layers = layers
    self.heads = heads
    self.kvHeads = kvHeads
    self.headDimension = headDimension
    self.vocabulary = vocabulary
    self.ropeTheta = ropeTheta
    self.rmsNormEpsilon = rmsNormEpsilon
    self.maximumPositions = maximumPositions
    self.tieWordEmbeddings = tieWordEmbeddings
    self.bosToken = bosToken
    self.eosTokens = eosTokens
    self.padToken = padToken
    try validate(file: file)
  }

  /// Throws ``FormatError`` naming `file` and the part that cannot be.
  private func validate(file: String) throws {
    func require(_ holds: Bool, _ place: String, _ problem: String) throws {
      guard holds else {
        throw FormatError.malformed(
          file: file, place: place, problem: problem, mend: "check that it belongs to the model you mean")
      }
    }
    let sizes: [(String, Int, Int)] = [
      ("hidden size", hiddenSize, 1 << 17), ("intermediate size", intermediateSize, 1 << 20),
      ("number of layers", layers, 4096), ("number of heads", heads, 4096),
      ("number of key/value heads", kvHeads, 4096), ("head dimension", headDimension, 4096),
      ("vocabulary", vocabulary, 1 << 24), ("number of positions", maximumPositions, 1 << 30),
    ]
    for (name, value, limit) in sizes {
      try require((1...limit).contains(value), name, "\(value) is not within 1 to \(limit)")
    }
    try require(
      heads % kvHeads == 0, "number of heads", "\(heads) is no multiple of the \(kvHeads) key/value heads")
    try require(headDimension % 2 == 0, "head dimension", "\(headDimension) is odd, rotation needs pairs")
    try require(ropeTheta.isFinite && ropeTheta >= 1, "RoPE theta", "\(ropeTheta) is not 1 or more")
    try require(
      rmsNormEpsilon >= 0 && rmsNormEpsilon < 1, "RMSNorm epsilon", "\(rmsNormEpsilon) is not within 0 to 1")
    for token in eosTokens + [bosToken, padToken].compactMap(\.self) {
      try require(
        (0..<vocabulary).contains(token), "special token",
        "\(token) is not in the vocabulary of \(vocabulary)")
    }
  }
}
