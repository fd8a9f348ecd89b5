import Synchronization

/// All metrics of a process as Prometheus reads them: text format 0.0.4.
///
/// A family is a name with one kind and one line of help; a series is a family with values for its labels.
public final class PrometheusRegistry: Sendable {
  enum Kind: String {
    case counter, gauge, histogram
  }

  struct Labels: Hashable {
    var pairs: [Pair]

    /// The adapter that a series is of; nil for one of no adapter, or of the base, which is everybody's.
    var adapter: String? { pairs.first { $0.name == "adapter" && $0.value != "base" }?.value }

    struct Pair: Hashable {
      var name: String
      var value: String
    }

    init(_ dimensions: [(String, String)]) {
      pairs = dimensions.map { Pair(name: PrometheusText.name($0.0), value: $0.1) }.sorted {
        $0.name < $1.name
      }
    }
  }

  private struct Family {
    let kind: Kind
    var series: [Labels: any PrometheusSeries] = [:]
  }

  private let families = Mutex<[String: Family]>([:])
  /// What families are, by name.
  private let help: [String: String]

  public init(help: [String: String] = [:]) { self.help = help }

  /// The series of these labels, made by `make` when new. A name that has another kind already gets a series that is
  /// not shown, for a family has one kind.
  func series<S: PrometheusSeries>(
    _ name: String, _ kind: Kind, _ dimensions: [(String, String)], _ make: () -> S
  ) -> S {
    families.withLock { families in
      guard families[name, default: Family(kind: kind)].kind == kind else { return make() }
      let labels = Labels(dimensions)
      if let known = families[name]?.series[labels] as? S { return known }
      let series = make()
      // In place: a copy of a family of a thousand adapters for each series of one would take long.
      families[name, default: Family(kind: kind)].series[labels] = series
      return series
    }
  }

  /// Takes the series out that `handler` is.
  func remove(_ handler: AnyObject) {
    families.withLock { families in
      for (name, family) in families {
        guard let labels = family.series.first(where: { $0.value === handler })?.key else { continue }
        families[name]?.series[labels] = nil
      }
    }
  }

  /// The text that a scrape gets.
  /// - Parameters:
  ///   - hidden: families that it does not get
  ///   - shows: whether it gets the series of an adapter; those of none it always gets
  public func text(
    without hidden: Set<String> = [], showing shows: (_ adapter: String) -> Bool = { _ in true }
  ) -> String {
    let shown = families.withLock { $0 }.filter { !hidden.contains($0.key) }
    let families = shown.mapValues { family in
      var family = family
      family.series = family.series.filter { $0.key.adapter.map(shows) ?? true }
      return family
    }
    var text = ""
    for (name, family) in families.sorted(by: { $0.key < $1.key }) where !family.series.isEmpty {
      text += "# HELP \(name) \(PrometheusText.help(help[name] ?? name.replacing("_", with: " ")))\n"
      text += "# TYPE \(name) \(family.kind.rawValue)\n"
      let series = family.series.map { (labels: PrometheusText.labels($0.key), series: $0.value) }
      for (labels, series) in series.sorted(by: { $0.labels < $1.labels }) {
        text += series.lines(name: name, labels: labels)
      }
    }
    return text
  }
}

/// One series of a family.
protocol PrometheusSeries: AnyObject, Sendable {
  /// Whole lines; `labels` without the braces, empty for none.
  func lines(name: String, labels: String) -> String
}
