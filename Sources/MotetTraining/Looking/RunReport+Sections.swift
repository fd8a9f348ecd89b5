import Foundation
import MotetReport

extension RunReport {
  /// The figures of the whole run, and a line for each adapter when there are several.
  var overview: HTMLPage.Section {
    let trainable = adapters.reduce(0) { $0 + $1.trainableParameters }
    let share = Double(trainable) / Double(max(1, baseParameters))
    var figures = [
      (Self.count(trainable), "trainable parameters, \(Self.fixed(100 * share, 2))% of the base's"),
      (Self.count(tokens), "tokens trained on, without padding"),
      (Self.time(seconds), "of training"),
      (Self.fixed(Double(tokens) / max(seconds, 1e-9), 0), "tokens a second"),
    ]
    if let peakBytes { figures.append(("\(peakBytes / 1_000_000) MB", "peak memory")) }
    let only = adapters.count == 1 ? adapters[0].validation : []
    if let first = only.first, let last = only.last, only.count > 1 {
      figures.append(
        (Self.fixed(last.value, 3), "nats of validation NLL, \(Self.fixed(first.value, 3)) before"))
    }
    var blocks: [HTMLPage.Block] = [.figures(figures.map { (value: $0.0, label: $0.1) })]
    blocks += adapters.filter { !$0.ending.isEmpty }.map {
      .prose("\($0.name) ended after step \($0.steps): \($0.ending)")
    }
    blocks.append(
      .table(
        header: [
          "adapter", "method", "parameters", "rows", "tokens", "steps", "smoothed loss", "best validation",
        ],
        rows: adapters.map { run in
          [
            run.name, run.method, Self.count(run.trainableParameters), Self.count(run.rows),
            Self.count(run.tokens), Self.count(run.steps), Self.fixed(smoothedLoss(run).last?.value, 4),
            Self.fixed(run.validation.map(\.value).filter(\.isFinite).min(), 4),
          ]
        }))
    return .init(heading: "In short", blocks: blocks)
  }

  /// All adapters in one picture, smoothed so that they can be told apart.
  var comparison: HTMLPage.Section {
    var blocks: [HTMLPage.Block] = [
      .svg(
        LineChart(
          title: "Smoothed training loss", xLabel: "step", yLabel: "nats a response token",
          series: adapters.map { ($0.name, Self.points(smoothedLoss($0))) }
        ).svg())
    ]
    let validated = adapters.filter { !$0.validation.isEmpty }
    if !validated.isEmpty {
      blocks.append(
        .svg(
          LineChart(
            title: "Validation NLL", xLabel: "step", yLabel: "nats a response token", series: [],
            marks: validated.map { ($0.name, Self.points($0.validation)) }
          ).svg()))
    }
    return .init(heading: "All adapters", blocks: blocks)
  }

  func section(of run: AdapterRun) -> HTMLPage.Section {
    let loss = LineChart(
      title: "Loss: \(run.name)", xLabel: "step", yLabel: "nats a response token",
      series: [("training", Self.points(run.loss))],
      marks: run.validation.isEmpty ? [] : [("validation", Self.points(run.validation))],
      smoothing: smoothing(run)
    )
    var blocks: [HTMLPage.Block] = [
      .svg(
        loss.svg(),
        caption:
          "Pale: the loss of each step. Strong: its running mean, weight \(Self.fixed(smoothing(run), 3)).")
    ]
    for (title, label, curve, weight) in [
      ("Learning rate", "rate", run.learningRate, nil),
      ("Gradient norm before clipping", "norm", run.gradientNorm, smoothing(run)),
    ] where !curve.isEmpty {
      let chart = LineChart(
        title: title, xLabel: "step", yLabel: label, series: [("", Self.points(curve))], smoothing: weight,
        startsAtZero: true, height: 240)
      blocks.append(.svg(chart.svg()))
    }
    return .init(heading: adapters.count == 1 ? "Curves" : run.name, blocks: blocks + run.blocks)
  }

  /// A row for each setting and a column for each adapter.
  var settings: [HTMLPage.Section] {
    var names: [String] = []
    for setting in adapters.flatMap(\.settings) where !names.contains(setting.name) {
      names.append(setting.name)
    }
    guard !names.isEmpty else { return [] }
    let header = adapters.count == 1 ? [] : ["setting"] + adapters.map(\.name)
    let rows = names.map { name in
      [name] + adapters.map { run in run.settings.first { $0.name == name }?.value ?? "" }
    }
    return [.init(heading: "Settings", blocks: [.table(header: header, rows: rows)])]
  }

  private func smoothedLoss(_ run: AdapterRun) -> Curve {
    var mean = Smoothing(weight: smoothing(run))
    return run.loss.map { ($0.step, mean.add($0.value)) }
  }

  /// As asked, or a memory of the last twentieth of the steps: at least 10 of them and at most 100.
  private func smoothing(_ run: AdapterRun) -> Double {
    smoothing ?? 1 - 1 / min(max(Double(run.loss.count) / 20, 10), 100)
  }

  private static func points(_ curve: Curve) -> [(Double, Double)] {
    curve.map { (Double($0.step), $0.value) }
  }

  private static func fixed(_ value: Double?, _ decimals: Int) -> String {
    guard let value, value.isFinite else { return "–" }
    return String(format: "%.\(decimals)f", value)
  }

  /// With thousands set apart.
  private static func count(_ value: Int) -> String {
    let digits = String(value)
    return digits.enumerated().reduce(into: "") { text, digit in
      if digit.offset > 0, (digits.count - digit.offset) % 3 == 0 { text += "\u{2009}" }
      text.append(digit.element)
    }
  }

  private static func time(_ seconds: Double) -> String {
    let whole = Int(seconds.rounded())
    if whole < 60 { return fixed(seconds, 1) + " s" }
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    return "\(whole / 3600) h \(whole / 60 % 60) min"
  }
}
