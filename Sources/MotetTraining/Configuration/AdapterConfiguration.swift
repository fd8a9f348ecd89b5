import MotetAdapters

/// All that can be said about one adapter of a run.
public struct AdapterConfiguration: Sendable, Equatable {
  public var name: String?
  public var output: String?
  public var data: [WeightedFile] = []
  public var eval: [String] = []
  /// Which columns of the rows are what; what no one names is found by looking.
  public var columns: [RowColumns] = []
  public var validation: Double?
  public var maxLength: Int?
  public var dropBadRows = false
  public var groups: String?
  public var method = MethodSetting(name: "lora")
  /// Options that only some methods have, by key.
  public var methodOptions: [String: String] = [:]
  public var rank = 16
  public var alpha: Double?
  public var rankPattern: [String: Int] = [:]
  public var alphaPattern: [String: Double] = [:]
  public var targets = LoRA.Targets.allLinear
  public var layers: LayerRange?
  public var initialization = LoRA.Initialization.kaiming
  public var dropout: Float = 0
  public var continued: String?
  public var parent: String?
  public var orthogonalTo: [String] = []
  public var orthogonalStrength = 0.5
  public var teacher: String?
  public var teacherBase: String?
  public var temperature = 2.0
  public var teacherWeight = 0.5
  public var epochs = 1.0
  public var batch = 8
  public var accumulate = 1
  public var optimizer = OptimizerKind.adamW
  public var optimizerMemory: ByteCount?
  /// nil takes the method's.
  public var lr: Double?
  public var schedule = Schedule.cosine
  public var warmup = 0.03
  public var weightDecay = 0.01
  /// 0 for none.
  public var clip = 1.0
  public var seed: UInt64 = 0
  public var shuffle = true
  public var evalEvery: Int?
  public var patience: Int?
  public var keep = TrainingOptions.Keep.last
  /// 0 for none.
  public var spikeSigma = 8.0
  public var tensorboard = true
  /// The keys that were set, in a file or by a flag.
  var given: Set<String> = []

  public init() {}

  /// In the order of the help.
  public static let settings: [Setting<AdapterConfiguration>] =
    [
      Setting("name", \.name, "NAME", "The adapter's name in the library."),
      Setting("output", \.output, "DIR", "The folder to write, in place of the library."),
      Setting(
        "data", \.data, "FILE[=WEIGHT]…",
        "Rows (JSONL, JSON, CSV, TSV, a folder of texts, plain or gzip, or - for standard input); a weight of 0.5 takes half of them an epoch.",
        .weights),
      Setting("eval", \.eval, "FILE…", "Rows whose NLL is taken before, on the way and after."),
      Setting(
        "columns", \.columns, "ROLE=COLUMN…",
        "What the rows' columns are, such as prompt=ask,response=reply; ROLE is "
          + RowColumns.Role.allCases.map(\.rawValue).joined(separator: ", ") + " (found by looking)."),
      Setting(
        "validation", \.validation, "SHARE", "Take this share of the rows out and use it as --eval.",
        .partialShare),
      Setting(
        "max-length", \.maxLength, "TOKENS",
        "Cut the rows to train on to this many tokens; validation rows stay whole.", .count(from: 2)),
      Setting("drop-bad-rows", \.dropBadRows, "", "Leave out rows that cannot be used, and report them."),
      Setting("groups", \.groups, "FIELD", "A field of the rows to report the validation NLL by."),
      Setting(
        "method", \.method, AdapterMethods.names.joined(separator: "|"),
        "How the base is adapted (lora); motet methods tells of each."),
      Setting("rank", \.rank, "R", "The rank of the update (16).", .count()),
      Setting("alpha", \.alpha, "A", "The update counts alpha/rank (twice the rank).", .positive),
      Setting(
        "rank-pattern", \.rankPattern, "NAME=R…", "Ranks of single modules, by name or pattern as in PEFT.",
        .each(.count())),
      Setting(
        "alpha-pattern", \.alphaPattern, "NAME=A…", "Alphas of single modules, as in PEFT.", .each(.positive)),
      Setting(
        "targets", \.targets, "NAMES", "all-linear, attention, mlp, or module names between commas."),
      Setting("layers", \.layers, "0-29", "The layers to adapt (all)."),
      Setting("init", \.initialization, "kaiming|gaussian", "How A begins (kaiming, as PEFT)."),
      Setting(
        "dropout", \.dropout, "SHARE", "The share of the update's inputs that is dropped (0).", .shareBelowOne
      ),
      Setting("continue", \.continued, "ADAPTER", "Go on from an adapter's weights; it stays as it is."),
      Setting(
        "parent", \.parent, "ADAPTER",
        "Train on top of this one, which stays as it is and is always part of the mix."),
      Setting(
        "orthogonal-to", \.orthogonalTo, "ADAPTER…",
        "Keep the input subspaces apart from those of these adapters (O-LoRA)."),
      Setting(
        "orthogonal-strength", \.orthogonalStrength, "λ",
        "How strongly (0.5); 0 reports the overlap and keeps nothing apart.", .zeroOrMore),
      Setting(
        "teacher", \.teacher, "MIX",
        "Learn from what this mix predicts too (distillation); base is the teacher without adapters."),
      Setting(
        "teacher-base", \.teacherBase, "BASE", "The teacher's base model, of the same vocabulary (the base)."),
      Setting("temperature", \.temperature, "T", "Divides the logits of teacher and student (2).", .positive),
      Setting(
        "teacher-weight", \.teacherWeight, "SHARE", "The teacher's share of the loss (0.5).", .shareAboveZero),
      Setting(
        "epochs", \.epochs, "N", "Times through the data; may be a fraction (1).", .positive(below: 1e9)),
      Setting("batch", \.batch, "ROWS", "Rows a batch (8).", .count()),
      Setting("accumulate", \.accumulate, "N", "Batches a step (1).", .count()),
      Setting(
        "optimizer", \.optimizer, OptimizerKind.expected.replacing(" or ", with: "|"),
        "What moves the parameters (adamw)."),
      Setting(
        "optimizer-memory", \.optimizerMemory, "64MB",
        "Keep so much of the optimizer's state in memory and the rest in a file; the same result."),
      Setting("lr", \.lr, "RATE", "The learning rate (the method's; lora's is 1e-3).", .positive),
      Setting("schedule", \.schedule, "cosine|linear|constant", "How the rate goes down (cosine)."),
      Setting(
        "warmup", \.warmup, "SHARE", "The share of the steps over which the rate rises (0.03).", .share),
      Setting("weight-decay", \.weightDecay, "λ", "AdamW's decoupled decay (0.01).", .zeroOrMore),
      Setting(
        "clip", \.clip, "NORM", "The global norm gradients are clipped to; 0 for none (1).", .zeroOrMore),
      Setting(
        "seed", \.seed, "N",
        "Draws the initial weights, the order and the dropout (0). The same bytes come only on as many threads at "
          + "the same vector level: motet.json keeps both."
      ),
      Setting("shuffle", \.shuffle, "", "Draw the rows in a new order each epoch (on)."),
      Setting("eval-every", \.evalEvery, "STEPS", "Take the validation NLL so often.", .count()),
      Setting("patience", \.patience, "N", "End after N evaluations without betterment.", .count()),
      Setting(
        "keep", \.keep, "last|best",
        "The weights to end with: the last, or the best by validation NLL (last)."),
      Setting(
        "spike-sigma", \.spikeSigma, "σ",
        "Leave out a step whose loss is this far above the recent ones; 0 for none (8).", .zero(orFrom: 3)),
      Setting(
        "tensorboard", \.tensorboard, "", "Write event files to tensorboard/ beside the adapter (on)."),
    ] + AdapterMethods.options.map { Setting(of: $0) }

  /// Options that say nothing without one of some others.
  static let dependent: [(keys: [String], others: [String])] = [
    (["temperature", "teacher-weight"], ["teacher", "teacher-base"]),
    (["orthogonal-strength"], ["orthogonal-to"]),
  ]

  /// Whether an option says something here, given the method and the other options.
  func heeds(_ key: String) -> Bool {
    if let shared = SharedOption(rawValue: key) {
      let isScheduled =
        methodOptions[RankSchedule.option.key] != nil && [.rank, .rankPattern].contains(shared)
      return method.method.sharedOptions.contains(shared) && !isScheduled
    }
    switch key {
    case "temperature", "teacher-weight": return teacher != nil || teacherBase != nil
    case "orthogonal-strength": return !orthogonalTo.isEmpty
    default: return true
    }
  }

  /// What an adapter that is continued has already.
  static let fixedByContinue =
    ["rank", "alpha", "rank-pattern", "alpha-pattern", "targets", "layers", "init"]
    + AdapterMethods.options.filter(\.isFixedByContinue).map(\.key)

  /// What the method's shared options say.
  var lora: LoRA {
    var lora = LoRA(
      rank: rank, alpha: alpha, targets: targets, layers: layers?.range, dropout: dropout,
      initialization: initialization)
    (lora.rankPattern, lora.alphaPattern) = (rankPattern, alphaPattern)
    return lora
  }

  /// The method with its options.
  /// - Throws: ``MethodError``
  func makeMethod() throws -> any AdapterMethod {
    let shared = SharedOption.allCases.filter { given.contains($0.rawValue) }
    return try MethodSettings(shape: lora, given: Set(shared), own: methodOptions).make(method.method)
  }

  func options(tokensPerPass: Int) -> TrainingOptions {
    TrainingOptions(
      epochs: epochs, batchRows: batch, accumulation: accumulate, optimizer: optimizer,
      learningRate: lr ?? method.method.learningRate,
      schedule: schedule, warmup: warmup, weightDecay: weightDecay, clip: clip == 0 ? nil : clip, seed: seed,
      shuffles: shuffle, maximumLength: maxLength, tokensPerPass: tokensPerPass, evaluationSteps: evalEvery,
      patience: patience, keep: keep, spikeSigma: spikeSigma == 0 ? nil : spikeSigma,
      optimizerMemory: optimizerMemory?.bytes)
  }
}
