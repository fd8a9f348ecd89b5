import MotetModels

/// How much a matrix of the base matters for some rows, by the gradient G = ∂L/∂W that it would have.
public enum ImportanceMeasure: String, Sendable, CaseIterable {
  /// ‖G‖, of the mean loss over all labels.
  case gradientNorm = "gradient-norm"
  /// Σ F over the entries of W, F being the empirical Fisher information: the mean over the rows of the squared
  /// gradient of a row's log-likelihood (as in FISH masks, Sung et al. 2021, arXiv 2111.09839).
  case fisher
  /// Σ |W∘G| over the entries of W: how much the loss would change, to first order, if each were zero (AdaLoRA's
  /// sensitivity, Zhang et al. 2023, arXiv 2303.10512, equation 8, after Molchanov et al. 2019, arXiv 1906.10771; GoRA,
  /// He et al. 2025, arXiv 2502.12171, gives ranks by its mean over a matrix).
  case sensitivity

  public var title: String {
    switch self {
    case .gradientNorm: "the norm of the gradient"
    case .fisher: "the empirical Fisher information"
    case .sensitivity: "the sensitivity |w·∂L/∂w|"
    }
  }
}

/// How importance is measured.
public struct ImportanceOptions: Sendable, Equatable {
  public var measure: ImportanceMeasure
  /// Fewer where the data has fewer rows: none is taken twice.
  public var batches: Int
  /// Rows of a batch.
  public var batchRows: Int
  /// Directions of its input in which a matrix's gradient is taken; as many as there are inputs give all of it.
  public var probe: Int
  /// Draws the rows and the directions.
  public var seed: UInt64
  /// Tokens that go through the model at one time.
  public var tokensPerPass: Int

  public init(
    measure: ImportanceMeasure = .gradientNorm, batches: Int = 8, batchRows: Int = 8, probe: Int = 32,
    seed: UInt64 = 0, tokensPerPass: Int = 512
  ) {
    self.measure = measure
    self.batches = batches
    self.batchRows = batchRows
    self.probe = probe
    self.seed = seed
    self.tokensPerPass = tokensPerPass
  }

  /// - Throws: ``RankSuggestionError/option(name:value:mend:)``
  func validate() throws {
    for (name, value) in [
      ("batches", batches), ("batch", batchRows), ("probe", probe), ("tokens-per-pass", tokensPerPass),
    ] where value < 1 || value > 1 << 30 {
      throw RankSuggestionError.option(name: name, value: "\(value)", mend: "give 1 to \(1 << 30)")
    }
  }
}

/// How much each of some sites matters.
public struct SiteImportances: Sendable, Equatable {
  public struct Entry: Sendable, Equatable {
    public let site: AdapterSite
    /// Not negative; comparable to those of the same measurement alone.
    public let value: Double

    public init(site: AdapterSite, value: Double) {
      self.site = site
      self.value = value
    }
  }

  public var entries: [Entry]
  public var measure: ImportanceMeasure
  /// That were looked at.
  public var rows: Int
  /// Of those rows, the tokens whose prediction counts.
  public var labels: Int
  /// How many sites of a module the base has, measured or not.
  public var sitesOfModule: [String: Int]

  /// - Parameter sites: the base's; nil where all of them are measured
  public init(
    entries: [Entry], measure: ImportanceMeasure, rows: Int, labels: Int, of sites: [AdapterSite]? = nil
  ) {
    sitesOfModule = Dictionary(
      (sites ?? entries.map(\.site)).map { ($0.module, 1) }, uniquingKeysWith: +)
    self.entries = entries
    self.measure = measure
    self.rows = rows
    self.labels = labels
  }

  public var sum: Double { entries.reduce(0) { $0 + $1.value } }
}
