import MotetFormats
import MotetTensor
import MotetTokenizers

// 8 bits for inputs and weights need to know which inputs get large: a few do, by far, in every transformer, and a
// row's scale that makes room for them leaves little for the others. A short text of ours goes through the model
// before its matrices are brought to 8 bits; the largest value of each input is all that is kept of it.

@Compute
struct Quantization {
  /// Prose, code and numbers: what is large is so for almost any text.
  private static let text = """
    The river rises in the hills above the town and runs for forty miles to the sea. In spring, when the snow melts, \
    it carries enough water to turn the old mills; by August a child can walk across. "Why do we keep the bridge?" \
    asked Anna. Her grandfather laughed and pointed at the sky.
    Q: A shop sells 12 pens for $3.60. How much do 7 pens cost?
    A: One pen costs 3.60 / 12 = 0.30, so 7 pens cost 7 * 0.30 = 2.10 dollars.
    def total(prices, tax=0.2):
        return round(sum(p * (1 + tax) for p in prices if p > 0), 2)
    1. Preheat the oven to 180 °C. 2. Mix flour, sugar and eggs. 3. Bake for 35 minutes.
    Dear Sir, thank you for your letter of 4 May; we shall reply within ten days. Der Zug fährt um acht Uhr ab.
    """

  private let pass: LayerPass
  private var x: Tensor
  private var index = 0

  init(_ model: ModelDescription, tables: TokenTables, tokenizer: Tokenizer) throws {
    let configuration = model.configuration
    let vocabulary = Int32(configuration.vocabulary)
    let tokens = tokenizer.encode(Self.text).filter { $0 < vocabulary }
      .prefix(configuration.maximumPositions)
    let batch = PackedBatch([BatchRow(tokens: Array(tokens), mix: .base)])
    var rotations = RotaryTables(model, positions: tokens.count)
    pass = LayerPass(batch, tables: try rotations.tables(reach: batch.reach))
    x = tables.embed(batch, model, on: Tape(recording: false))
  }

  /// The next layer in 8 bits. The text goes through it as it was.
  mutating func quantize(_ layer: DecoderLayer) throws -> DecoderLayer {
    var peaks: [ObjectIdentifier: [Float]] = [:]
    let tape = Tape(recording: false)
    tape.inputObserver = { matrix, x in peaks[ObjectIdentifier(matrix)] = x.largestByColumn() }
    x = try pass.run(layer, index, x, on: tape)
    index += 1
    let quantized = try layer.mapGroups {
      SiteGroup(
        matrix: try $0.matrix.quantized(inputPeaks: peaks[ObjectIdentifier($0.matrix)]),
        members: $0.members, bias: $0.bias)
    }
    BufferPool.trim()
    return quantized
  }

  /// The head in 8 bits, after the last layer.
  func quantize(head: FrozenMatrix, finalNorm: NormWeight) throws -> FrozenMatrix {
    let h = Tape(recording: false).norm(x, finalNorm)
    return try head.quantized(inputPeaks: h.largestByColumn())
  }
}
