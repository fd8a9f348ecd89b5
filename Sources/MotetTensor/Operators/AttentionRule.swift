import CKernels

/// The sizes of an attention layer.
public struct AttentionShape: Sendable, Equatable {
  public let heads: Int
  public let kvHeads: Int
  public let headDimension: Int

  /// - Parameters:
  ///   - kvHeads: a divisor of `heads`
  ///   - headDimension: need not be the hidden size divided by `heads`
  public init(heads: Int, kvHeads: Int, headDimension: Int) {
    self.heads = heads
    self.kvHeads = kvHeads
    self.headDimension = headDimension
  }

  var queryWidth: Int { heads * headDimension }
  var kvWidth: Int { kvHeads * headDimension }
  /// Queries, keys and values side by side.
  public var packedWidth: Int { queryWidth + 2 * kvWidth }
}

/// What an attention layer computes: S = scale·q·kᵀ over the keys that a query sees, o = softmax(S)·v.
///
///     AttentionRule(shape)                                              // Llama
///     AttentionRule(shape, window: 4096, softcap: 50)                   // every other layer of Gemma 2
///     AttentionRule(shape, isCausal: false, window: 128)                // two of three layers of ModernBERT
///     AttentionRule(shape, rotated: shape.headDimension / 4)            // GPT-NeoX
public struct AttentionRule: Sendable, Equatable {
  public var shape: AttentionShape
  /// Whether a query sees only itself and what came before it; false: both sides, as encoders do.
  public var isCausal: Bool
  /// How near a key must be for a query to see it; nil: a query sees its whole sequence, up to itself when causal.
  ///
  /// A causal query sees itself and the `window - 1` places before it (`sliding_window` of Mistral, Gemma 2 and 3). Any
  /// other sees the places at most `window / 2` away on each side (ModernBERT's `local_attention`, EmbeddingGemma's
  /// `sliding_window`). Both are transformers' bounds (`masking_utils.py`). Distances count the rows of a sequence,
  /// virtual tokens included.
  public var window: Int?
  /// What products of queries and keys are multiplied by.
  public var scale: Float
  /// Scores become c·tanh(score/c) (Gemma Team 2024, arXiv 2408.00118, §2); nil: they stay.
  public var softcap: Float?
  /// How many of a head's values are rotated by position: the first ones, paired (j, j + rotated/2). 0: none.
  public var rotated: Int

  /// - Parameters:
  ///   - scale: nil is 1/√headDimension
  ///   - rotated: an even number of at most `headDimension`; nil is all of a head
  public init(
    _ shape: AttentionShape, isCausal: Bool = true, window: Int? = nil, scale: Float? = nil,
    softcap: Float? = nil, rotated: Int? = nil
  ) {
    self.shape = shape
    self.isCausal = isCausal
    self.window = window
    self.scale = scale ?? 1 / Float(shape.headDimension).squareRoot()
    self.softcap = softcap
    self.rotated = rotated ?? shape.headDimension
  }

  /// Whether it is causal attention of whole heads over whole sequences, which every kernel computes.
  /// - Parameter reach: rows of the longest sequence: a window that is not shorter takes nothing away
  package func isPlain(reach: Int) -> Bool {
    isCausal && softcap == nil && rotated == shape.headDimension && (window ?? reach) >= reach
  }

  /// How many places before its own, and after it, a query sees; nil: all.
  var sides: (before: Int?, after: Int?) {
    isCausal ? (window.map { $0 - 1 }, 0) : (window.map { $0 / 2 }, window.map { $0 / 2 })
  }

  /// The keys that the query at a place sees of a sequence's.
  func visible(from place: Int, of keys: Int) -> Range<Int> {
    let (before, after) = sides
    let end = min(after.map { place + $0 + 1 } ?? keys, keys)
    return min(max(before.map { place - $0 } ?? 0, 0), end)..<end
  }

  /// As the kernels take it.
  var described: mk_attention_rule {
    func bound(_ side: Int?) -> Int64 { min(Int64(side ?? Int(MK_UNBOUNDED)), Int64(MK_UNBOUNDED)) }
    return mk_attention_rule(
      heads: Int64(shape.heads), kv_heads: Int64(shape.kvHeads), dimension: Int64(shape.headDimension),
      rotated: Int64(rotated), before: bound(sides.before), after: bound(sides.after), scale: scale,
      softcap: softcap ?? 0)
  }

  /// Whether its parts fit together.
  var isValid: Bool {
    shape.kvHeads > 0 && shape.heads % shape.kvHeads == 0 && (0...shape.headDimension).contains(rotated)
      && (window ?? 1) > 0 && (softcap ?? 1) > 0
  }
}
